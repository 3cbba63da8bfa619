#include "node/status.h"

#include <gtest/gtest.h>

#include <thread>

#include "node/testing/fake_transport.h"
#include "node/testing/planned_state.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;
using namespace std::chrono_literals;
using testing::deliver;
using testing::kPlannedEpoch;

class StatusTest : public ::testing::Test {
 protected:
  StatusTest() {
    status_.register_handlers(dispatch_);
    transport_.connected = {example_id(2), example_id(3)};
  }
  void update() {
    status_.set_changed();
    status_.update(now_ += Status::kInterval);
  }
  static wire::StageProgress report(uint32_t stage, Bytes done) {
    return {.epoch = kPlannedEpoch, .stage = stage, .done = done, .total = 20, .activity = "loading"};
  }

  cluster::Time now_{std::chrono::hours(1)};
  wire::ReplicatedState state_ = testing::planned_state();
  std::optional<wire::NodeId> leader_ = example_id(1);
  testing::FakeTransport transport_;
  Dispatch dispatch_;
  std::vector<cluster::Time> wakes_;
  Status status_{[this] { return ClusterKnowledge{state_, leader_, "no majority"}; }, transport_,
                 [this](cluster::Time at) { wakes_.push_back(at); }};
};

TEST_F(StatusTest, VersionGrowsOnlyWithAChange) {
  EXPECT_EQ(status_.snapshot()->version, 0U);
  update();
  const auto first = status_.snapshot();
  EXPECT_EQ(first->version, 1U);
  EXPECT_EQ(first->leader, "n1");
  update();
  EXPECT_EQ(status_.snapshot(), first);
  leader_.reset();
  update();
  EXPECT_EQ(status_.snapshot()->version, 2U);
  EXPECT_EQ(status_.snapshot()->no_leader_reason, "no majority");
  EXPECT_EQ(first->leader, "n1");  // a snapshot that was returned stays as it is
}

TEST_F(StatusTest, ManyChangesMakeOneSnapshot) {
  update();
  const size_t wakes = wakes_.size();
  status_.set_changed();
  status_.set_changed();
  ASSERT_EQ(wakes_.size(), wakes + 1);
  EXPECT_EQ(wakes_.back(), now_ + Status::kInterval);
  leader_.reset();
  status_.update(now_ + Status::kInterval / 2);
  EXPECT_EQ(status_.snapshot()->leader, "n1");  // not yet
  status_.update(now_ + Status::kInterval);
  EXPECT_FALSE(status_.snapshot()->leader);
}

TEST_F(StatusTest, OwnReportsGoToAllNodesOnceEach) {
  status_.set_own_reports({{{kPlannedEpoch, 0}, report(0, 5)}});
  status_.set_own_reports({{{kPlannedEpoch, 0}, report(0, 5)}});
  for (const uint8_t number : {2, 3}) {
    EXPECT_EQ(transport_.take<wire::StageProgress>(example_id(number)), std::vector{report(0, 5)});
  }
  status_.set_own_reports({{{kPlannedEpoch, 0}, report(0, 6)}});
  EXPECT_EQ(transport_.take<wire::StageProgress>(example_id(3)), std::vector{report(0, 6)});
  transport_.connected.insert(example_id(4));
  status_.greet(example_id(4));
  EXPECT_EQ(transport_.take<wire::StageProgress>(example_id(4)), std::vector{report(0, 6)});
  update();
  EXPECT_EQ(status_.snapshot()->models.at(0).plan->stages[0].activity->done, 6U);
}

TEST_F(StatusTest, ReportsCountOnlyFromTheNodeOfTheStage) {
  EXPECT_TRUE(deliver(dispatch_, example_id(2), report(1, 7)));
  EXPECT_TRUE(deliver(dispatch_, example_id(2), report(0, 9)));  // the stage of another node
  EXPECT_TRUE(deliver(dispatch_, example_id(2), report(5, 9)));  // no such stage
  wire::StageProgress old = report(1, 9);
  old.epoch = wire::PlanEpoch(6);
  EXPECT_TRUE(deliver(dispatch_, example_id(2), old));
  update();
  const auto snapshot = status_.snapshot();
  EXPECT_FALSE(snapshot->models.at(0).plan->stages[0].activity);
  EXPECT_EQ(snapshot->models.at(0).plan->stages[1].activity->done, 7U);
}

TEST_F(StatusTest, AMessageThatCannotBeDecodedIsAnError) {
  const wire::ByteVector garbage(3, std::byte{0xff});
  const auto delivered =
      dispatch_.frame(example_id(2), {.of = wire::Control{wire::ControlType::stage_progress}}, garbage);
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, ErrorCode::corrupt);
}

TEST_F(StatusTest, LiveRatesStayWhenTheStateChanges) {
  update();
  status_.set_live({{"abc", LiveRates{.requests = 3, .stage_step_s = {}}}}, {.sent = 1, .received = 2});
  status_.set_model_file_error("m.gguf has changed");
  leader_.reset();
  update();
  const auto snapshot = status_.snapshot();
  ASSERT_TRUE(snapshot->models.at(0).live);
  EXPECT_EQ(snapshot->models.at(0).live->requests, 3U);
  EXPECT_EQ(snapshot->weights.received, 2U);
  EXPECT_EQ(snapshot->model_file_error, "m.gguf has changed");
}

TEST_F(StatusTest, TheLastIdentityConflictOfEachNodeStays) {
  const std::chrono::system_clock::time_point at(1000s);
  status_.add_identity_conflict({.node = "b", .source = "10.0.0.2:5000", .refused_at = at});
  status_.add_identity_conflict({.node = "c", .source = "10.0.0.3:5000", .refused_at = at});
  status_.add_identity_conflict({.node = "b", .source = "10.0.0.2:5001", .refused_at = at + 1s});
  update();
  const auto& conflicts = status_.snapshot()->identity_conflicts;
  ASSERT_EQ(conflicts.size(), 2U);
  EXPECT_EQ(conflicts[0].node, "c");
  EXPECT_EQ(conflicts[1], (IdentityConflict{.node = "b", .source = "10.0.0.2:5001", .refused_at = at + 1s}));
}

TEST_F(StatusTest, AWaitEndsWithTheNextVersionOrWithTheNode) {
  update();
  const uint64_t version = status_.snapshot()->version;
  EXPECT_EQ(status_.wait(version - 1, 1h)->version, version);  // there already
  EXPECT_EQ(status_.wait(version, 0ms)->version, version);     // the time is up
  std::jthread other([&] {
    leader_.reset();
    update();
  });
  EXPECT_EQ(status_.wait(version, 1h)->version, version + 1);
  other.join();
  std::jthread stopper([&] { status_.stop(); });
  EXPECT_EQ(status_.wait(version + 1, 1h)->version, version + 1);
}

TEST_F(StatusTest, FindsNodesByNameAndId) {
  update();
  EXPECT_EQ(status_.find_node("n2"), example_id(2));
  EXPECT_EQ(status_.find_node(example_id(1).text()), example_id(1));
  const auto unknown = status_.find_node("n9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "there is no node \"n9\"; here are: n1, n2");
}

}  // namespace
}  // namespace exogpu::node
