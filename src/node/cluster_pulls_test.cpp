#include "node/cluster_pulls.h"

#include <gtest/gtest.h>

#include <deque>
#include <future>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"

namespace exogpu::node {
namespace {

using cluster::testing::add;
using cluster::testing::example_facts;
using cluster::testing::example_id;
using testing::deliver;
using namespace std::chrono_literals;

// Node 1, which has less memory than node 2. The test's thread is the node's; pull() has another.
class ClusterPullsTest : public ::testing::Test {
 protected:
  ClusterPullsTest() {
    pulls_.register_handlers(dispatch_);
    transport_.connected = {example_id(2)};
    add(state_, wire::NodeReported{example_facts(1, 1 * GiB)});
    add(state_, wire::NodeReported{example_facts(2, 8 * GiB)});
  }
  // Runs the tasks of the node's thread until the condition holds.
  void work_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      std::move_only_function<void()> task;
      {
        MutexLock lock(mutex_);
        if (tasks_.empty()) (void)posted_.wait_for(lock, 10ms);
        if (tasks_.empty()) continue;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }
  std::future<Result<std::string>> ask(Bytes bytes) {
    return std::async(std::launch::async, [this, bytes] {
      return pulls_.pull(
          "org/repo:Q4_K_M", bytes, [this](const PullProgress& progress) { seen_ = progress.done; }, stop_.get_token());
    });
  }
  Result<std::string> result(std::future<Result<std::string>>& future) {
    work_until([&] { return future.wait_for(0s) == std::future_status::ready; });
    return future.get();
  }
  // The other node says how much room it has, and is asked to pull.
  wire::PullModel answer_query(Bytes room) {
    std::vector<wire::PullQuery> queries;
    work_until([&] {
      queries = transport_.take<wire::PullQuery>(example_id(2));
      return !queries.empty();
    });
    EXPECT_TRUE(
        deliver(dispatch_, example_id(2), wire::PullRoom{.request = queries.at(0).request, .bytes_free = room}));
    auto asked = transport_.take<wire::PullModel>(example_id(2));
    return asked.empty() ? wire::PullModel{} : asked[0];
  }

  cluster::Time now_{1h};
  wire::ReplicatedState state_;
  testing::FakeTransport transport_;
  Dispatch dispatch_;
  Mutex mutex_;
  CondVar posted_;
  std::deque<std::move_only_function<void()>> tasks_ EXO_GUARDED_BY(mutex_);
  std::stop_source stop_;
  std::atomic<Bytes> seen_ = 0;
  std::shared_ptr<PullListener> fetching_;
  std::stop_token fetching_stop_;
  ClusterPulls pulls_{example_id(1),
                      transport_,
                      {.now = [this] { return now_; },
                       .post =
                           [this](std::move_only_function<void()> task) {
                             const MutexLock lock(mutex_);
                             tasks_.push_back(std::move(task));
                             posted_.notify_all();
                           },
                       .state = [this]() -> const wire::ReplicatedState& { return state_; },
                       .bytes_free = [] { return std::optional<Bytes>(100 * GiB); },
                       .fetch =
                           [this](const std::string&, auto listener, auto stop) {
                             fetching_ = std::move(listener);
                             fetching_stop_ = std::move(stop);
                           }}};
};

TEST_F(ClusterPullsTest, TheNodeWithTheRoomPullsAndAllNodesKnowHowFarItIs) {
  auto pulled = ask(4 * GiB);
  const wire::PullModel asked = answer_query(100 * GiB);
  ASSERT_EQ(asked.source, "org/repo:Q4_K_M");
  EXPECT_FALSE(fetching_) << "not here";
  wire::PullReport report{
      .asker = example_id(1), .request = asked.request, .source = asked.source, .files = 1, .done = 5, .total = 9};
  EXPECT_TRUE(deliver(dispatch_, example_id(2), report));
  work_until([&] { return seen_ == 5; });
  ASSERT_EQ(pulls_.reports().size(), 1U);
  EXPECT_EQ(pulls_.reports()[0], std::pair(example_id(2), report));
  report.ended = true;
  report.model = "repo-Q4_K_M";
  EXPECT_TRUE(deliver(dispatch_, example_id(2), report));
  EXPECT_EQ(result(pulled).value(), "repo-Q4_K_M");
  EXPECT_TRUE(pulls_.reports().empty());
}

TEST_F(ClusterPullsTest, ANodeThatIsGoneEndsThePull) {
  auto pulled = ask(4 * GiB);
  EXPECT_FALSE(answer_query(100 * GiB).source.empty());
  pulls_.on_link_down(example_id(2));
  const auto ended = result(pulled);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(ended.error().message.contains("n2")) << ended.error().message;
}

TEST_F(ClusterPullsTest, WithoutAnAnswerThisNodePulls) {
  auto pulled = ask(4 * GiB);
  work_until([&] { return !transport_.take<wire::PullQuery>(example_id(2)).empty(); });
  pulls_.tick(now_);
  EXPECT_FALSE(fetching_) << "the other may answer";
  now_ += ClusterPulls::kAnswerMax;
  pulls_.tick(now_);
  ASSERT_TRUE(fetching_);
  EXPECT_EQ(transport_.take<wire::PullReport>(example_id(2)).size(), 1U) << "the other nodes know that it begins";
  fetching_->on_progress({.file = 0, .files = 1, .done = 7, .total = 9});
  work_until([&] { return seen_ == 7; });
  EXPECT_EQ(transport_.take<wire::PullReport>(example_id(2)).size(), 1U);
  fetching_->on_end(std::string("repo"));
  EXPECT_EQ(result(pulled).value(), "repo");
  const auto last = transport_.take<wire::PullReport>(example_id(2));
  ASSERT_EQ(last.size(), 1U);
  EXPECT_TRUE(last[0].ended);
}

TEST_F(ClusterPullsTest, AClientThatGivesUpStopsIt) {
  auto pulled = ask(1);
  EXPECT_TRUE(answer_query(0).source.empty()) << "this node has room";
  ASSERT_TRUE(fetching_);
  stop_.request_stop();
  EXPECT_EQ(result(pulled).error().code, ErrorCode::cancelled);
  work_until([&] { return fetching_stop_.stop_requested(); });
  fetching_->on_end(fail(ErrorCode::cancelled, "stopped"));
  work_until([&] { return pulls_.reports().empty(); });
}

TEST_F(ClusterPullsTest, ItPullsForOtherNodesUntilTheyCancel) {
  EXPECT_TRUE(deliver(dispatch_, example_id(2), wire::PullQuery{.request = 9}));
  EXPECT_EQ(transport_.take<wire::PullRoom>(example_id(2)),
            (std::vector{wire::PullRoom{.request = 9, .bytes_free = 100 * GiB}}));
  EXPECT_TRUE(deliver(dispatch_, example_id(2), wire::PullModel{.request = 9, .source = "org/repo"}));
  ASSERT_TRUE(fetching_);
  EXPECT_TRUE(deliver(dispatch_, example_id(2), wire::PullCancel{.request = 9}));
  EXPECT_TRUE(fetching_stop_.stop_requested());
  fetching_->on_end(fail(ErrorCode::cancelled, "stopped"));
  work_until([&] { return pulls_.reports().empty(); });
  const auto reports = transport_.take<wire::PullReport>(example_id(2));
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_TRUE(reports[1].failure);
}

}  // namespace
}  // namespace exogpu::node
