#include "cluster/fold.h"

#include <gtest/gtest.h>

#include "cluster/log.h"
#include "cluster/order.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;

PlanMade plan_on(uint8_t node, uint64_t epoch) {
  StagePlan plan;
  plan.epoch = PlanEpoch(epoch);
  plan.content = "abc";
  plan.stages = {{.device = {.node = example_id(node), .device = "gpu0"}, .layers = {0, 4}}};
  return {.plan = plan, .stage_bytes = {100}, .predicted = {}};
}

TEST(Fold, EventsAddUp) {
  ReplicatedState state;
  add(state, TermBegan{});
  add(state, NodeReported{example_facts(1)});
  add(state, NodeReported{example_facts(2)});
  add(state, NodeLost{.node = example_id(2), .reason = "silent"});
  add(state, DrainingSet{.node = example_id(1), .draining = true});
  add(state, ModelSet{example_model(4)});
  EXPECT_EQ(state.at, (Position{.term = example_term(1), .index = 6}));
  EXPECT_TRUE(state.nodes.at(example_id(1)).online);
  EXPECT_TRUE(state.nodes.at(example_id(1)).draining);
  EXPECT_FALSE(state.nodes.at(example_id(2)).online);
  EXPECT_EQ(state.nodes.at(example_id(2)).offline_reason, "silent");
  EXPECT_EQ(state.models.at("abc").served, example_model(4));
  ServedModel second = example_model(3);
  second.content = "def";
  add(state, ModelSet{second});
  EXPECT_EQ(state.models.size(), 2U);
  add(state, ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  EXPECT_EQ(state.models.size(), 1U);
  EXPECT_EQ(state.models.at("def").served, second);
  add(state, NodeForgotten{example_id(1)});
  EXPECT_TRUE(state.nodes.contains(example_id(1))) << "it is here";
  add(state, NodeForgotten{example_id(2)});
  EXPECT_FALSE(state.nodes.contains(example_id(2)));
}

TEST(Fold, TheLaterRecordOfAKeyCounts) {
  ReplicatedState state;
  AccessKey key;
  key.version = 1;
  add(state, AccessKeySet{key});
  AccessKey revoked = key;
  revoked.revoked = true;
  revoked.version = 2;
  EXPECT_TRUE(changes(state, AccessKeySet{revoked}));
  add(state, AccessKeySet{revoked});
  EXPECT_FALSE(changes(state, AccessKeySet{key})) << "a node that was away brings an old record";
  add(state, AccessKeySet{key});
  EXPECT_EQ(state.access_keys.at(key.id), revoked);
}

TEST(Fold, APlanEndsWhenAUserFixesOtherLayers) {
  ReplicatedState state;
  add(state, NodeReported{example_facts(1)});
  ServedModel model = example_model(4);
  add(state, ModelSet{model});
  add(state, plan_on(1, 5));
  model.pinned = !model.pinned;
  add(state, ModelSet{model});
  EXPECT_TRUE(state.models.at("abc").plan);
  model.layers = "n1/gpu0:0-1,n2/gpu0:2-3";
  add(state, ModelSet{model});
  EXPECT_FALSE(state.models.at("abc").plan);
  EXPECT_EQ(state.models.at("abc").no_plan_reason, "the model is to be served otherwise");
  EXPECT_EQ(state.models.at("abc").served, model);
}

TEST(Fold, APlanServesWhenAllItsStagesAreReady) {
  ReplicatedState state;
  add(state, NodeReported{example_facts(1)});
  add(state, ModelSet{example_model(4)});
  add(state, plan_on(1, 5));
  EXPECT_FALSE(serving(state));
  add(state, StageReported{.epoch = PlanEpoch(4), .stage = 0, .phase = StagePhase::ready, .failure = {}});
  add(state, StageReported{.epoch = PlanEpoch(5), .stage = 1, .phase = StagePhase::ready, .failure = {}});
  EXPECT_FALSE(serving(state)) << "of another plan, and of no stage";
  add(state, StageReported{.epoch = PlanEpoch(5), .stage = 0, .phase = StagePhase::ready, .failure = {}});
  EXPECT_TRUE(serving(state));
  add(state, plan_on(1, 5));
  add(state, plan_on(1, 4));
  EXPECT_TRUE(serving(state)) << "epochs only grow";
  add(state, plan_on(1, 6));
  EXPECT_EQ(state.epoch_last, PlanEpoch(6));
  EXPECT_FALSE(serving(state));
  add(state, PlanEnded{.content = "abc", .epoch = PlanEpoch(5), .reason = "no"});
  EXPECT_TRUE(only(state).plan);
  add(state, PlanEnded{.content = "abc", .epoch = PlanEpoch(6), .reason = "no"});
  EXPECT_FALSE(only(state).plan);
  EXPECT_EQ(only(state).no_plan_reason, "no");
}

TEST(Fold, ARestartedNodeMayBeRepairedAndHasNoShards) {
  ReplicatedState state;
  add(state, NodeReported{example_facts(1)});
  add(state, ModelSet{example_model(4)});
  add(state, plan_on(1, 5));
  add(state, StageReported{.epoch = PlanEpoch(5), .stage = 0, .phase = StagePhase::failed, .failure = "no room"});
  EXPECT_EQ(only(state).unfit.at({.node = example_id(1), .device = "gpu0"}), "no room");
  NodeFacts again = example_facts(1);
  again.fitness.mains = false;
  add(state, NodeReported{again});
  EXPECT_FALSE(only(state).unfit.empty());
  again.incarnation = 2;
  add(state, NodeReported{again});
  EXPECT_TRUE(only(state).unfit.empty());
  EXPECT_FALSE(only(state).plan);
}

TEST(Fold, WhatChangesNothingIsKnownBefore) {
  ReplicatedState state;
  add(state, NodeReported{example_facts(1)});
  add(state, ModelSet{example_model(4)});
  add(state, plan_on(1, 5));
  PlanMade plan_of_another = plan_on(1, 6);
  plan_of_another.plan.content = "def";
  const std::vector<Event> nothing = {
      TermBegan{},
      NodeReported{example_facts(1)},
      NodeLost{.node = example_id(7), .reason = "x"},
      NodeForgotten{example_id(1)},
      DrainingSet{.node = example_id(1), .draining = false},
      DrainingSet{.node = example_id(7), .draining = true},
      ModelSet{example_model(4)},
      ModelRemoved{.content = "def", .reason = "x"},
      plan_on(1, 5),
      plan_of_another,
      PlanEnded{.content = "def", .epoch = PlanEpoch(0), .reason = "x"},
      PlanEnded{.content = "abc", .epoch = PlanEpoch(4), .reason = "x"},
      StageReported{.epoch = PlanEpoch(5), .stage = 3, .phase = StagePhase::ready, .failure = {}},
      StageReported{.epoch = PlanEpoch(5), .stage = 0, .phase = StagePhase::waiting, .failure = {}}};
  for (const Event& event : nothing) {
    EXPECT_FALSE(changes(state, event)) << event.index();
    ReplicatedState after = state;
    add(after, event);
    after.at = state.at;
    EXPECT_EQ(after, state) << event.index();
  }
  EXPECT_TRUE(changes(state, NodeLost{.node = example_id(1), .reason = "x"}));
  EXPECT_TRUE(changes(state, plan_on(1, 6)));
}

TEST(Log, ContinuesFromAnyPositionThatItContains) {
  Log log;
  for (uint64_t i = 0; i < 5; ++i) log.append({.term = example_term(i < 3 ? 1 : 2), .event = TermBegan{}});
  EXPECT_TRUE(log.contains({}));
  EXPECT_TRUE(log.contains({.term = example_term(1), .index = 3}));
  EXPECT_FALSE(log.contains({.term = example_term(1), .index = 4})) << "what the leader before wrote there is void";
  EXPECT_FALSE(log.contains({.term = example_term(2), .index = 6}));
  EXPECT_EQ(log.after({.term = example_term(1), .index = 3}).size(), 2U);
  EXPECT_TRUE(log.after(log.end()).empty());
  for (size_t i = 0; i < 2 * kLogEntriesMax; ++i) log.append({.term = example_term(2), .event = TermBegan{}});
  EXPECT_FALSE(log.contains({.term = example_term(2), .index = 5})) << "it does not grow for ever";
  const Position first{.term = example_term(2), .index = log.end().index - kLogEntriesMax};
  EXPECT_TRUE(log.contains(first));
  EXPECT_EQ(log.after(first).size(), kBatchEntriesMax);
  log.restart({.term = example_term(9), .index = 77});
  EXPECT_TRUE(log.contains({.term = example_term(9), .index = 77}));
  EXPECT_FALSE(log.contains(first));
}

TEST(Order, PrefersWhatIsSteadyAndWellConnected) {
  const Candidate good{
      .node = example_id(5), .fitness = {.mains = true, .wired = true, .steadiness = 3}, .reach = 4, .at = {}};
  const auto worse = [&](auto spoil) {
    Candidate other = good;
    other.node = example_id(1);
    spoil(other);
    EXPECT_TRUE(better(good, other));
    EXPECT_FALSE(better(other, good));
  };
  worse([](Candidate& c) { c.fitness.mains = false; });
  worse([](Candidate& c) { c.fitness.wired = false; });
  worse([](Candidate& c) { c.fitness.steadiness = 0; });
  worse([](Candidate& c) { c.reach = 3; });
  worse([](Candidate& c) { c.node = example_id(6); });
  Candidate knows = good;
  knows.fitness = {.mains = false, .wired = false, .steadiness = 0};
  knows.at.term = example_term(1);
  EXPECT_TRUE(better(knows, good)) << "one that was just started knows nothing";
  EXPECT_FALSE(better(good, good));

  const Leadership serves{.leader = example_id(9), .serving = true, .followers = 1};
  const Leadership many{.leader = example_id(8), .serving = false, .followers = 9};
  const Leadership few{.leader = example_id(1), .serving = false, .followers = 2};
  EXPECT_TRUE(better(serves, many));
  EXPECT_TRUE(better(many, few));
  EXPECT_TRUE(better(few, {.leader = example_id(2), .serving = false, .followers = 2}));
}

}  // namespace
}  // namespace exogpu::cluster
