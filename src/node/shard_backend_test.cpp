// Workers with shards, from plan to plan.
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

TEST(Worker, FromAPlanToServing) {
  const SharedGguf file = small();
  WorkerCluster one(1, file);
  one.obeyed = false;
  one.set(one.example_plan({4}, {0}));
  EXPECT_EQ(one.worker(0).doing().why, "there is no leader");
  EXPECT_TRUE(one.nodes[0]->fetches.empty());
  one.obeyed = true;
  one.report_state();
  EXPECT_EQ(one.worker(0).doing().act, cluster::Act::fetch);
  EXPECT_EQ(one.worker(0).epoch(), PlanEpoch(1));
  EXPECT_EQ(one.worker(0).stages().at(0).phase, StagePhase::fetching);
  one.run_until_served();
  EXPECT_EQ(one.nodes[0]->acts, (std::vector<std::string>{"there is no leader", "fetch 0", "load 0", "warm 0",
                                                          "waiting for n1/cpu, which is loading", "serve 0"}));
  EXPECT_EQ(one.nodes[0]->fetches, (std::vector<wire::LayerRange>{{0, 4}}));
  EXPECT_EQ(one.nodes[0]->files_reported, (std::vector{PlanEpoch(1)}));
  EXPECT_EQ(one.worker(0).loads(), 1U);
  EXPECT_FALSE(one.worker(0).busy());

  ReceivedAnswer received;
  const auto tokens = tokens_of(100, 64);
  ASSERT_TRUE(one.ask(tokens, 20, received));
  EXPECT_TRUE(one.worker(0).busy());
  one.run_until([&] { return received.over(); });
  engine::ShardOptions options;
  options.context = 512;
  options.batch_tokens = 128;
  options.kv_type = engine::KvType::f32;
  options.threads = 1;
  auto shard = engine::Shard::load(*file, {0, 4}, engine::testing::cpu(), options).value();
  const engine::SequenceTokens all{.sequence = wire::SeqId(0), .position = 0, .count = 100, .outputs = 1};
  const auto logits = shard.forward({.sequences = {&all, 1}, .tokens = tokens, .activations = {}}).value();
  EXPECT_EQ(received.tokens.front(), std::ranges::max_element(logits) - logits.begin());
  EXPECT_EQ(received.tokens.size(), 20U);
  EXPECT_EQ(one.nodes[0]->backend->notes_of("abc", "cpu", {0, 4}), "1 thread: fixed by --threads");
  EXPECT_EQ(one.nodes[0]->backend->notes_of("abc", "cpu", {0, 3}), "");
}

TEST(Worker, TwoNodesWriteWhatOneWrites) {
  WorkerCluster two(2, small());
  two.set(two.example_plan({1, 4}, {0, 1}));
  two.run_until_served();
  EXPECT_EQ(two.worker(1).doing().why, "ready");
  EXPECT_EQ(two.worker(1).driver(), nullptr);
  EXPECT_EQ(two.nodes[1]->fetches, (std::vector<wire::LayerRange>{{1, 4}}));
  EXPECT_EQ(two.answer(), expected());
}

TEST(Worker, AStageMayBeAGroup) {
  WorkerCluster two(2, small());
  auto plan = two.example_plan({1, 4}, {0, 1});
  plan.stages[1].device.device = "cpu+cpu";
  two.set(plan);
  two.run_until_served();
  EXPECT_EQ(two.answer(), expected()) << "weights in F32: sums in another order decide no token";
}

TEST(Worker, APartThatStaysTheSameIsNotLoadedAgain) {
  WorkerCluster two(2, small());
  const auto plan = two.example_plan({1, 4}, {0, 1});
  two.set(plan);
  two.run_until_served();
  ReceivedAnswer interrupted;
  ASSERT_TRUE(two.ask(tokens_of(60, 64, 5), 300, interrupted));
  two.run_until([&] { return interrupted.tokens.size() > 5; });
  auto next = plan;
  next.epoch = PlanEpoch(2);
  const auto began = std::chrono::steady_clock::now();
  two.set(next);
  ASSERT_TRUE(interrupted.failure);
  EXPECT_TRUE(interrupted.interrupted);
  EXPECT_EQ(two.worker(0).epoch(), PlanEpoch(2));
  EXPECT_EQ(two.worker(0).ring(), nullptr);
  two.run_until_served();
  const auto took = std::chrono::steady_clock::now() - began;
  RecordProperty("adopt_us", std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  for (auto& node : two.nodes) {
    EXPECT_EQ(node->worker->loads(), 1U);
    EXPECT_EQ(node->fetches.size(), 1U);
    EXPECT_EQ(node->files_reported, (std::vector{PlanEpoch(1), PlanEpoch(2)}));
    EXPECT_EQ(node->worker->ring()->options().epoch, PlanEpoch(2));
    EXPECT_TRUE(node->broken.empty());
  }
  EXPECT_EQ(two.answer(), expected()) << "a sequence was not cleared";
}

TEST(Worker, OnlyALostStageComputesAgain) {
  for (const size_t lost : {1, 2}) {
    WorkerCluster four(4, small());
    four.set(four.example_plan({1, 2, 4}, {0, 1, 2}));
    four.run_until_served();
    ReceivedAnswer received;
    auto tokens = tokens_of(100, 64);
    ASSERT_TRUE(four.ask(tokens, 20, received));
    four.run_until([&] { return received.tokens.size() > 5; });
    std::vector<size_t> nodes{0, 1, 2};
    nodes[lost] = 3;
    auto next = four.example_plan({1, 2, 4}, nodes);
    next.epoch = PlanEpoch(2);
    four.set(next);
    ASSERT_TRUE(received.interrupted);
    const auto first_tokens = received.tokens;
    four.run_until_served();
    tokens.insert(tokens.end(), first_tokens.begin(), first_tokens.end());
    received = {};
    ASSERT_TRUE(four.ask(tokens, 20 - static_cast<uint32_t>(first_tokens.size()), received));
    four.run_until([&] { return received.over(); });
    auto all = first_tokens;
    all.insert(all.end(), received.tokens.begin(), received.tokens.end());
    EXPECT_EQ(all, expected());
    const pipeline::Scheduler& scheduler = four.driver().scheduler();
    EXPECT_GE(scheduler.tokens_replayed(), 100 + first_tokens.size() - 1);
    EXPECT_LE(scheduler.tokens_computed(), 21 - first_tokens.size());
  }
}

TEST(Worker, OneStageOfSeveralIsRetained) {
  WorkerCluster two(2, small());
  two.set(two.example_plan({1, 4}, {0, 0}));
  two.run_until_served();
  EXPECT_EQ(two.worker(0).loads(), 2U);
  EXPECT_EQ(two.nodes[1]->fetches, (std::vector<wire::LayerRange>{{}})) << "the headers";
  two.set(two.example_plan({1, 3, 4}, {0, 1, 0}));
  two.run_until_served();
  EXPECT_EQ(two.worker(0).loads(), 3U) << "layer 0 was there, layer 3 was not by itself";
  EXPECT_EQ(two.worker(1).loads(), 1U);
  EXPECT_EQ(two.answer(), expected());
  // Nor is it when its position in the ring is another.
  two.set(two.example_plan({1, 2, 3, 4}, {0, 1, 1, 0}));
  two.run_until_served();
  EXPECT_EQ(two.worker(0).loads(), 3U);
  EXPECT_EQ(two.worker(1).loads(), 3U);
  EXPECT_EQ(two.answer(), expected());
  // Another context is another cache.
  auto wide = two.example_plan({1, 2, 3, 4}, {0, 1, 1, 0});
  wide.settings.context = 256;
  two.set(wide);
  two.run_until_served();
  EXPECT_EQ(two.worker(0).loads(), 5U);
  EXPECT_EQ(two.answer(), expected());
}

// Two nodes that compute an answer when another plan comes.
class DrainedPlan : public ::testing::Test {
 protected:
  void SetUp() override {
    two.set(two.example_plan({1, 4}, {0, 1}));
    two.run_until_served();
    before = two.state;
    ASSERT_TRUE(two.ask(tokens_of(100, 64), 20, received));
    two.run_until([&] { return !received.tokens.empty(); });
    for (auto& node : two.nodes) node->worker->tick(two.now());
    other = two.example_plan({2, 4}, {0, 1});
    other.settings.context = 1024;
    two.set(other);
  }

  WorkerCluster two{2, small()};
  wire::ReplicatedState before;
  ReceivedAnswer received;
  wire::StagePlan other;
};

// It ended elsewhere, and then the word of it was lost with its leader.
TEST_F(DrainedPlan, RequestsInFlightEndBeforeAShardIsUnloaded) {
  EXPECT_FALSE(received.over());
  ReceivedAnswer late;
  const auto refused = two.ask(tokens_of(9, 64), 5, late);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "there is a new plan");
  EXPECT_TRUE(two.driver().over());
  EXPECT_EQ(two.worker(1).doing().why, "there is a new plan; waiting for requests to end");
  two.run_until([&] { return received.over(); });
  EXPECT_EQ(received.end, wire::GenerateEnd::length);
  EXPECT_EQ(received.tokens, expected());
  two.run_until([&] { return two.worker(0).epoch() == other.epoch; });
  two.run_until_served();
  EXPECT_EQ(two.worker(0).loads(), 2U);
  EXPECT_EQ(two.worker(1).loads(), 2U);
  EXPECT_EQ(two.answer(), expected());
}

// A leader that has been replaced may send another plan for a moment.
TEST_F(DrainedPlan, AfterAPlanThatWasTakenBackRequestsAreTakenAgain) {
  ASSERT_TRUE(two.driver().over());

  two.state = before;
  two.report_state();
  EXPECT_FALSE(two.driver().over());
  EXPECT_FALSE(two.worker(0).local_plan().draining_since);
  EXPECT_FALSE(two.worker(1).local_plan().draining_since);
  two.run_until([&] { return received.over(); });
  EXPECT_EQ(received.end, wire::GenerateEnd::length);
  EXPECT_EQ(two.answer(), expected());
}

TEST(Worker, ARequestDoesNotHoldUpAPlanForEver) {
  WorkerCluster one(1, small());
  one.set(one.example_plan({4}, {0}));
  one.run_until_served();
  ReceivedAnswer received;
  ASSERT_TRUE(one.ask(tokens_of(60, 64, 5), 400, received));
  one.run_until([&] { return !received.tokens.empty(); });
  auto other = one.example_plan({4}, {0});
  other.settings.context = 1024;
  one.set(other);
  EXPECT_FALSE(received.over());
  one.later = cluster::kDrainMax;
  one.run_until_served();
  EXPECT_TRUE(received.interrupted);
  EXPECT_EQ(one.worker(0).epoch(), other.epoch);
}

// Its other stages have left for a plan that this node learns of later.
TEST(Worker, ARingThatStandsStillIsNotWaitedFor) {
  WorkerCluster two(2, small());
  two.set(two.example_plan({1, 4}, {0, 1}));
  two.run_until_served();
  ReceivedAnswer received;
  ASSERT_TRUE(two.ask(tokens_of(60, 64, 5), 400, received));
  two.run_until([&] { return !received.tokens.empty(); });
  two.worker(1).stop({ErrorCode::unavailable, "the node is stopping"});
  two.run_for(milliseconds(20));
  auto other = two.example_plan({4}, {0});
  other.settings.context = 1024;
  two.set(other);
  EXPECT_FALSE(received.over());
  two.later = seconds(3);
  two.run_until([&] { return received.over(); });
  EXPECT_TRUE(received.interrupted);
}

TEST(Worker, WithoutAModelNothingIsResident) {
  std::weak_ptr<const model::Gguf> resident;
  WorkerCluster one(1, nullptr);
  {
    const SharedGguf file = small();
    resident = file;
    one.nodes[0]->file = file;
    one.set(one.example_plan({4}, {0}));
    one.run_until_served();
    one.nodes[0]->file.reset();
  }
  EXPECT_FALSE(resident.expired());
  add(one.state, wire::ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  one.report_state();
  one.run_until([&] { return !one.worker(0).plan(); });
  EXPECT_EQ(one.worker(0).ring(), nullptr);
  EXPECT_TRUE(one.worker(0).stages().empty());
  EXPECT_EQ(one.worker(0).doing().why, cluster::kNotServed);
  one.run_until([&] { return resident.expired(); });
}

// What is retained for a plan that is never made is freed, too.
TEST(Worker, WhatWasRetainedForAPlanIsFreedWithIt) {
  WorkerCluster two(2, nullptr);
  std::weak_ptr<const model::Gguf> resident;
  {
    const SharedGguf file = small();
    resident = file;
    for (auto& node : two.nodes) node->file = file;
    two.set(two.example_plan({1, 4}, {0, 0}));
    two.run_until_served();
    for (auto& node : two.nodes) node->file.reset();
  }
  two.set(two.example_plan({1, 4}, {0, 1}));
  EXPECT_EQ(two.worker(0).doing().act, cluster::Act::unload);
  add(two.state, wire::ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  two.report_state();
  two.run_until([&] { return resident.expired(); });
}

TEST(Worker, ANodeWithoutAShardGetsTheHeaders) {
  WorkerCluster two(2, small());
  WorkerNode& idle = *two.nodes[1];
  idle.fetch_failures = {{ErrorCode::unavailable, "nobody has the model"}};
  const auto plan = two.example_plan({4}, {0});
  two.set(plan);
  EXPECT_EQ(two.worker(1).doing().why, "the plan has no layers for this node");
  two.run_until([&] { return idle.fetches.size() == 2; });
  two.run_until([&] { return !idle.files_reported.empty(); });
  EXPECT_EQ(idle.notes, (std::vector<std::string>{"nobody has the model"}));
  EXPECT_EQ(idle.fetches, (std::vector<wire::LayerRange>{{}, {}}));
  EXPECT_EQ(idle.files_reported, (std::vector{PlanEpoch(1)}));
  // The next plan is of the same model.
  two.run_until_served();
  auto next = plan;
  next.epoch = PlanEpoch(2);
  two.set(next);
  EXPECT_EQ(idle.files_reported, (std::vector{PlanEpoch(1), PlanEpoch(2)}));
  EXPECT_EQ(idle.fetches.size(), 2U);
  // Then it has a part, and then not any more.
  two.set(two.example_plan({1, 4}, {0, 1}));
  two.run_until_served();
  EXPECT_EQ(idle.fetches.size(), 3U);
  two.set(two.example_plan({4}, {0}));
  two.run_until_served();
  EXPECT_EQ(idle.fetches.size(), 3U);
  EXPECT_EQ(idle.files_reported.size(), 4U);
}

TEST(Worker, WhatIsNotNeededAnyMoreIsStopped) {
  WorkerCluster two(2, small());
  WorkerNode& first = *two.nodes[0];
  first.fetch_waits = true;
  const auto plan = two.example_plan({1, 4}, {0, 1});
  two.set(plan);
  ASSERT_TRUE(first.fetched);
  const auto late = std::exchange(first.fetched, {});
  two.set(two.example_plan({2, 4}, {0, 1}));
  two.run_until([&] { return static_cast<bool>(first.fetched); });
  late();
  two.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(two.worker(0).doing().act, cluster::Act::fetch) << "that was for the previous plan";
  first.fetched();
  two.run_until_served();
  EXPECT_EQ(two.worker(0).loads(), 1U);
  EXPECT_EQ(two.answer(), expected());
  // While it loads.
  for (uint32_t i = 0; i < 6; ++i) {
    first.fetch_waits = false;
    const uint32_t cut = i % 3 + 1;
    two.set(two.example_plan({cut, 4}, {0, 1}));
    if (i % 2 == 0) two.run_until([&] { return two.worker(0).doing().act == cluster::Act::load; });
  }
  two.run_until([&] { return two.worker(0).epoch() == two.state.epoch_last && two.serves(); });
  EXPECT_TRUE(first.notes.empty()) << first.notes.front();
  EXPECT_EQ(two.answer(), expected());
}

TEST(Worker, StopsInTheMidstOfAnything) {
  for (const auto act : {cluster::Act::fetch, cluster::Act::load, cluster::Act::warm, cluster::Act::serve}) {
    WorkerCluster one(1, small());
    one.set(one.example_plan({4}, {0}));
    one.run_until([&] { return one.worker(0).doing().act == act; });
    ReceivedAnswer received;
    if (act == cluster::Act::serve) {
      ASSERT_TRUE(one.ask(tokens_of(60, 64), 400, received));
    }
    one.worker(0).stop({ErrorCode::unavailable, "the node is stopping"});
    EXPECT_EQ(received.interrupted, act == cluster::Act::serve);
    EXPECT_EQ(one.worker(0).ring(), nullptr);
    EXPECT_FALSE(one.worker(0).plan());
    one.report_state();
    EXPECT_FALSE(one.worker(0).wake());
    EXPECT_EQ(one.worker(0).doing().act, cluster::Act::none);
    one.run_for(std::chrono::milliseconds(20));
  }
}

}  // namespace
}  // namespace exogpu::node
