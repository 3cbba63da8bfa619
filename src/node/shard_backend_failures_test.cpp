// Workers with shards, when something fails.
#include <gtest/gtest.h>

#include <algorithm>

#include "node/testing/tiny_file.h"
#include "node/testing/worker_cluster.h"
#include "node/testing/worker_models.h"

namespace exogpu::node {
namespace {

using namespace testing;
using engine::testing::tokens_of;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::PlanEpoch;
using wire::StagePhase;

TEST(Worker, AFileThatIsCorruptIsNotTriedAgain) {
  // One of its tensors is missing.
  const auto broken = std::make_shared<TinyFile>("llama", "blk.1.attn_q.weight", "blk.1.attn_x.weight");
  WorkerCluster one(1, SharedGguf(broken, &broken->gguf()));
  one.set(one.example_plan({2}, {0}));
  one.run_until([&] { return only(one.state).plan->stages[0].phase == StagePhase::failed; });
  const std::string failure = only(one.state).plan->stages[0].failure;
  EXPECT_TRUE(failure.starts_with("n1/cpu: ")) << failure;
  EXPECT_NE(failure.find("blk.1.attn_"), std::string::npos) << failure;
  EXPECT_EQ(one.nodes[0]->notes, (std::vector{failure}));
  one.later = seconds(60);
  one.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(one.nodes[0]->notes.size(), 1U);
}

TEST(Worker, ADeviceWithoutRoomIsNotTriedAgain) {
  WorkerCluster one(1, small());
  auto plan = one.example_plan({4}, {0});
  plan.settings.context = 1U << 24U;
  plan.settings.sequences = 1U << 12U;
  one.set(plan);
  one.run_until([&] { return only(one.state).plan->stages[0].phase == StagePhase::failed; });
  EXPECT_TRUE(one.worker(0).local_plan().stages.at(0).permanent);
  EXPECT_EQ(one.worker(0).local_plan().stages.at(0).failures, 1U);
  // What fits is served when the plan is another.
  one.set(one.example_plan({4}, {0}));
  one.run_until_served();
  EXPECT_EQ(one.answer(), expected());
}

TEST(Worker, AFetchThatFailsIsTriedAgainAndThenGivenUp) {
  WorkerCluster one(1, small());
  const Error away{ErrorCode::unavailable, "nobody has the model"};
  one.nodes[0]->fetch_failures = {away, away};
  one.set(one.example_plan({4}, {0}));
  one.run_until([&] { return one.worker(0).local_plan().stages.at(0).failures == 1; });
  EXPECT_EQ(one.worker(0).doing().why, "retrying fetching: n1/cpu: nobody has the model");
  EXPECT_EQ(one.worker(0).wake(), one.worker(0).local_plan().stages.at(0).failed_at + cluster::back_off(1));
  EXPECT_EQ(only(one.state).plan->stages[0].phase, StagePhase::fetching);
  one.run_until_served();
  EXPECT_EQ(one.nodes[0]->fetches.size(), 3U);

  WorkerCluster other(1, small());
  other.nodes[0]->fetch_failures.assign(100, Error{ErrorCode::io_error, "the disk is worn out"});
  other.set(other.example_plan({4}, {0}));
  for (uint32_t i = 1; i <= cluster::kFailuresMax; ++i) {
    other.run_until([&] { return other.worker(0).local_plan().stages.at(0).failures == i; });
    other.later += seconds(10);
  }
  other.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(other.nodes[0]->fetches.size(), cluster::kFailuresMax);
  EXPECT_EQ(only(other.state).plan->stages[0].phase, StagePhase::failed);
  EXPECT_EQ(only(other.state).plan->stages[0].failure, "n1/cpu: the disk is worn out");
}

TEST(Worker, AFetchIsTriedForAsLongAsNobodyHasTheModel) {
  WorkerCluster one(1, small());
  constexpr size_t kTimes = 3 * cluster::kFailuresMax;
  one.nodes[0]->fetch_failures.assign(kTimes, Error{ErrorCode::not_found, "none of the 1 connected nodes has it"});
  one.set(one.example_plan({4}, {0}));
  for (size_t i = 1; i <= kTimes; ++i) {
    one.run_until([&] { return one.nodes[0]->fetches.size() == i && !one.worker(0).local_plan().acting; });
    EXPECT_EQ(only(one.state).plan->stages[0].phase, StagePhase::fetching);
    one.later += seconds(10);
  }
  EXPECT_EQ(cluster::missing_weights(only(one.state)), "n1/cpu: none of the 1 connected nodes has it");
  one.run_until_served();
  EXPECT_EQ(cluster::missing_weights(only(one.state)), "");
}

TEST(Worker, AStageWaitsForItsConnection) {
  WorkerCluster two(2, small());
  two.nodes[1]->connected = false;
  two.set(two.example_plan({1, 4}, {0, 1}));
  two.run_until([&] { return two.worker(0).doing().act == cluster::Act::connect; });
  EXPECT_EQ(two.worker(0).stages().at(0).phase, StagePhase::loading);
  EXPECT_TRUE(two.nodes[0]->broken.empty());
  two.later = seconds(6);
  two.run_until([&] { return !two.nodes[0]->broken.empty(); });
  EXPECT_EQ(two.nodes[0]->broken[0].epoch, PlanEpoch(1));
  EXPECT_EQ(two.nodes[0]->broken[0].reason, "node n1 has no connection to node n2");
  EXPECT_EQ(two.nodes[0]->broken[0].link, wire::pair_of(two.nodes[0]->id, two.nodes[1]->id));
  // It is no fault of the device, however often.
  for (uint32_t i = 2; i < 8; ++i) {
    two.later += seconds(10);
    two.run_until([&] { return two.worker(0).doing().act == cluster::Act::connect; });
    two.later += seconds(6);
    two.run_until([&] { return two.nodes[0]->broken.size() == i; });
  }
  EXPECT_EQ(two.worker(0).stages().at(0).phase, StagePhase::loading);
  two.nodes[1]->connected = true;
  two.later += seconds(20);
  for (auto& node : two.nodes) node->worker->tick(two.now());
  two.run_until_served();
  EXPECT_EQ(two.answer(), expected());
}

TEST(Worker, ALinkThatBrokeAMomentAgoIsNotWaitedForForLong) {
  WorkerCluster two(2, small());
  const auto plan = two.example_plan({1, 4}, {0, 1});
  two.set(plan);
  two.run_until_served();
  const auto breaks = [&](uint64_t epoch) {
    for (const size_t i : {0, 1}) {
      two.worker(i).link_lost(two.nodes[1 - i]->id, {ErrorCode::unavailable, "the link broke"}, two.now());
    }
    add(two.state, wire::PlanEnded{.content = "abc", .epoch = PlanEpoch(epoch), .reason = "the link broke"});
    two.report_state();
    two.nodes[1]->connected = false;
    auto next = plan;
    next.epoch = PlanEpoch(epoch + 1);
    two.set(next);
    two.run_until([&] { return two.worker(0).doing().act == cluster::Act::connect; });
  };
  breaks(1);
  ASSERT_EQ(two.nodes[0]->broken.size(), 1U);
  two.later += milliseconds(300);
  two.run_until([&] { return two.nodes[0]->broken.size() == 2; });
  EXPECT_EQ(two.nodes[0]->broken[1].epoch, PlanEpoch(2));
  EXPECT_EQ(two.nodes[0]->broken[1].link, wire::pair_of(two.nodes[0]->id, two.nodes[1]->id));
  // A node that is restarted takes its time.
  breaks(2);
  ++two.state.nodes.at(two.nodes[1]->id).facts.incarnation;
  auto later = plan;
  later.epoch = PlanEpoch(4);
  two.set(later);
  two.run_until(
      [&] { return two.worker(0).doing().act == cluster::Act::connect && two.worker(0).epoch() == later.epoch; });
  const size_t before = two.nodes[0]->broken.size();
  two.later += milliseconds(1000);
  for (int i = 0; i < 20; ++i) {
    for (auto& node : two.nodes) node->worker->tick(two.now());
  }
  EXPECT_EQ(two.nodes[0]->broken.size(), before);
}

TEST(Worker, ALinkThatIsLostEndsTheRing) {
  WorkerCluster three(3, small());
  const auto plan = three.example_plan({1, 4}, {0, 1});
  three.set(plan);
  three.run_until_served();
  ReceivedAnswer received;
  ASSERT_TRUE(three.ask(tokens_of(60, 64, 5), 300, received));
  three.run_until([&] { return received.tokens.size() > 5; });
  three.worker(0).link_lost(three.nodes[2]->id, {ErrorCode::unavailable, "node n3 is away"}, three.now());
  EXPECT_FALSE(received.failure) << "it has no part";
  EXPECT_TRUE(three.nodes[0]->broken.empty());
  for (const size_t i : {0, 1}) {
    three.worker(i).link_lost(three.nodes[1 - i]->id, {ErrorCode::unavailable, "the link broke"}, three.now());
    ASSERT_EQ(three.nodes[i]->broken.size(), 1U);
    EXPECT_EQ(three.nodes[i]->broken[0].link, wire::pair_of(three.nodes[i]->id, three.nodes[1 - i]->id));
    EXPECT_EQ(three.nodes[i]->broken[0].epoch, PlanEpoch(1));
  }
  ASSERT_TRUE(received.failure);
  EXPECT_TRUE(received.interrupted);
  EXPECT_EQ(received.failure->message, "the link broke");
  EXPECT_FALSE(three.worker(0).busy());
  EXPECT_TRUE(three.driver().over());
  add(three.state, wire::PlanEnded{.content = "abc", .epoch = PlanEpoch(1), .reason = "the link broke"});
  three.report_state();
  auto next = plan;
  next.epoch = PlanEpoch(2);
  three.set(next);
  three.run_until_served();
  EXPECT_EQ(three.worker(0).loads(), 1U);
  EXPECT_EQ(three.answer(), expected());
}

TEST(Worker, ARingThatHasEndedIsNotServedAgain) {
  WorkerCluster one(1, small());
  one.set(one.example_plan({4}, {0}));
  one.run_until_served();
  ReceivedAnswer received;
  ASSERT_TRUE(one.ask(tokens_of(60, 64, 5), 300, received));
  const auto before = one.state;
  add(one.state, wire::PlanEnded{.content = "abc", .epoch = PlanEpoch(1), .reason = "a link broke"});
  one.report_state();
  EXPECT_TRUE(received.interrupted);
  EXPECT_TRUE(one.nodes[0]->broken.empty());
  one.state = before;
  one.report_state();
  ASSERT_FALSE(one.nodes[0]->broken.empty());
  EXPECT_EQ(one.nodes[0]->broken[0].epoch, PlanEpoch(1));
}

TEST(Worker, WhatAPeerSendsWronglyBreaksTheRing) {
  WorkerCluster two(2, small());
  two.set(two.example_plan({1, 4}, {0, 1}));
  two.run_until_served();
  two.worker(1).ring()->on_step(two.nodes[0]->id, {.epoch = PlanEpoch(1), .stage = 7, .number = 1});
  two.run_until([&] { return !two.nodes[1]->broken.empty(); });
  EXPECT_NE(two.nodes[1]->broken[0].reason.find("stage 7"), std::string::npos);
  EXPECT_FALSE(two.nodes[1]->broken[0].link);
}

}  // namespace
}  // namespace exogpu::node
