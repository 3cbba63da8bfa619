#include "cluster/condition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cluster/plan_for.h"
#include "cluster/testing/made.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;
using std::chrono::seconds;

Signs cool(double load = 0.02) {
  return {.load = load,
          .charge = {},
          .on_battery = false,
          .devices = {{.device = "gpu0", .load = load, .temperature_c = 50, .limit_c = 100, .speed = 0.3}}};
}

// One reading every five seconds.
struct Watched {
  ConditionWatch watch;
  Time now{};
  int told = 0;

  const NodeCondition& see(const Signs& signs, seconds for_s = seconds(5)) {
    for (Duration passed{}; passed < for_s; passed += seconds(5)) {
      const NodeCondition before = watch.told();
      watch.update(signs, now);
      told += watch.told() != before ? 1 : 0;
      now += seconds(5);
    }
    return watch.told();
  }
};

TEST(Condition, NoiseIsNotTold) {
  Watched node;
  Signs signs = cool();
  signs.charge = 0.5;
  for (int i = 0; i < 720; ++i) {  // an hour
    signs.load = 0.05 + 0.05 * std::sin(i);
    signs.devices[0].load = i % 10 == 9 ? 0.6 : 0;
    signs.devices[0].temperature_c = 50 + 3 * std::sin(i);
    signs.charge = 0.5 + 0.02 * std::sin(i);
    node.see(signs);
  }
  EXPECT_EQ(node.told, 1) << "the first time";
}

TEST(Condition, WhatChangesMuchIsToldInSteps) {
  Watched node;
  node.see(cool(0), seconds(60));
  EXPECT_EQ(node.watch.told().load_percent, 0U);
  node.see(cool(1), seconds(120));
  EXPECT_GE(node.watch.told().load_percent, 80U);
  EXPECT_LE(node.told, 5);
  Signs none;
  none.devices.emplace_back().device = "gpu0";
  node.see(none, seconds(60));
  EXPECT_FALSE(node.watch.told().devices[0].temperature_c);
  EXPECT_EQ(node.watch.told().devices[0].heat, Heat::normal);
}

TEST(Condition, ABatteryIsLowUntilItIsChargedOrWellFull) {
  Watched node;
  Signs signs = cool();
  signs.charge = 0.21;
  signs.on_battery = true;
  EXPECT_FALSE(node.see(signs).battery->low);
  signs.charge = 0.19;
  EXPECT_TRUE(node.see(signs).battery->low) << "at once";
  signs.charge = 0.25;
  EXPECT_TRUE(node.see(signs, seconds(300)).battery->low) << "not well above";
  signs.on_battery = false;
  EXPECT_TRUE(node.see(signs, seconds(30)).battery->low) << "a plug that comes and goes";
  EXPECT_FALSE(node.see(signs, seconds(90)).battery->low);
  signs.charge = 0.1;
  EXPECT_FALSE(node.see(signs, seconds(90)).battery->low) << "it is charged";
  signs.charge.reset();
  EXPECT_FALSE(node.see(signs).battery);
}

TEST(Condition, HeatIsEnteredAtOnceAndLeftLater) {
  Watched node;
  const auto heat = [&] { return node.watch.told().devices[0].heat; };
  Signs signs = cool(1);
  node.see(signs, seconds(60));
  EXPECT_EQ(heat(), Heat::normal);
  signs.devices[0].throttled = true;
  signs.devices[0].speed = 0.6;
  node.see(signs);
  EXPECT_EQ(heat(), Heat::hot);
  EXPECT_EQ(node.watch.told().devices[0].speed_percent, 60U);
  signs.devices[0].throttled = false;
  signs.devices[0].temperature_c = 90;
  node.see(signs, seconds(300));
  EXPECT_EQ(heat(), Heat::hot) << "it is not well below its limit";
  signs.devices[0].temperature_c = 99;
  node.see(signs, seconds(5));
  EXPECT_EQ(heat(), Heat::hot) << "for a moment";
  node.see(signs, seconds(15));
  EXPECT_EQ(heat(), Heat::critical);
  signs.devices[0].temperature_c = 80;
  node.see(signs, seconds(30));
  EXPECT_EQ(heat(), Heat::critical);
  node.see(signs, seconds(60));
  EXPECT_EQ(heat(), Heat::normal);
  node.see(signs, seconds(60));
  EXPECT_EQ(node.watch.told().devices[0].speed_percent, 100U);
}

TEST(Condition, AnIdleDeviceIsNotTakenToBeSlow) {
  Watched node;
  Signs signs = cool(0);
  signs.devices[0].throttled = true;
  signs.devices[0].speed = 0.2;
  node.see(signs, seconds(60));
  EXPECT_EQ(node.watch.told().devices[0].heat, Heat::hot);
  EXPECT_EQ(node.watch.told().devices[0].speed_percent, 100U);
}

// --- in plans

ConditionTold low_battery(uint8_t node) {
  return {.node = made_id(node),
          .condition = {.load_percent = {},
                        .battery = BatteryCondition{.charge_percent = 12, .feeds = true, .low = true},
                        .devices = {},
                        .shards = {}}};
}

ConditionTold heat(uint8_t node, Heat heat, uint32_t speed = 100) {
  return {.node = made_id(node),
          .condition = {
              .load_percent = {},
              .battery = {},
              .devices =
                  {{.device = "gpu0", .load_percent = {}, .temperature_c = {}, .heat = heat, .speed_percent = speed}},
              .shards = {}}};
}

PlanCircumstances busy() { return {.term = made_term(1), .idle = false, .in_use = {}}; }

ReplicatedState served_by(const std::vector<Bytes>& memories, double first_rate = 1e11) {
  ReplicatedState state;
  for (size_t i = 0; i < memories.size(); ++i) {
    add(state, NodeTold{made_facts(static_cast<uint8_t>(i + 1), memories[i], i == 0 ? first_rate : 1e11)});
  }
  add(state, ModelSet{made_model(8)});
  add(state, plan_for(state, busy()).value());
  for (uint32_t i = 0; i < state.plan->stages.size(); ++i) {
    add(state, StageTold{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
  }
  return state;
}

bool uses(const ReplicatedState& state, uint8_t node) {
  return std::ranges::contains(state.plan->made.plan.stages, made_id(node),
                               [](const PlannedStage& stage) { return stage.device.node; });
}

TEST(Condition, PlansGoAroundAvoidedDevicesWhereTheOthersCanHoldTheModel) {
  for (const ConditionTold& told : {low_battery(1), heat(1, Heat::critical)}) {
    ReplicatedState state = served_by({2000 * MB, 500 * MB, 500 * MB});
    ASSERT_TRUE(uses(state, 1));
    EXPECT_TRUE(matters_to_plans(state, told));
    add(state, told);
    EXPECT_FALSE(matters_to_plans(state, told)) << "said before";
    EXPECT_NE(better_without(state).find("n1/gpu0"), std::string::npos) << better_without(state);
    const auto next = plan_for(state, busy());
    ASSERT_TRUE(next) << "at once, though somebody is answered";
    add(state, *next);
    EXPECT_FALSE(uses(state, 1));
    EXPECT_EQ(better_without(state), "");
    ASSERT_EQ(state.plan->made.left_out.size(), 1U);
    EXPECT_EQ(state.plan->made.left_out[0].why, "avoided");
    EXPECT_FALSE(plan_for(state, busy()));
    EXPECT_EQ(impossible(state), "");
  }
}

TEST(Condition, AnAvoidedDeviceIsUsedWhereTheModelNeedsIt) {
  ReplicatedState state = served_by({500 * MB, 500 * MB});
  add(state, low_battery(1));
  EXPECT_FALSE(plan_for(state, busy()));
  EXPECT_EQ(better_without(state), "");
  state.plan.reset();
  const auto next = plan_for(state, busy());
  ASSERT_TRUE(next);
  add(state, *next);
  EXPECT_TRUE(state.plan && uses(state, 1)) << state.why_not;
}

TEST(Condition, OfTwoTheHottestIsAvoidedFirst) {
  ReplicatedState state = served_by({500 * MB, 500 * MB, 500 * MB});
  add(state, heat(1, Heat::critical));
  add(state, low_battery(2));
  if (auto next = plan_for(state, busy())) add(state, *next);
  EXPECT_FALSE(uses(state, 1));
  EXPECT_TRUE(uses(state, 2));
  EXPECT_EQ(better_without(state), "");
}

TEST(Condition, WhoIsWellAgainComesBackWhenNobodyIsAnswered) {
  ReplicatedState state = served_by({2000 * MB, 500 * MB, 500 * MB}, 2e11);
  add(state, low_battery(1));
  add(state, plan_for(state, busy()).value());
  for (uint32_t i = 0; i < state.plan->stages.size(); ++i) {
    add(state, StageTold{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
  }
  add(state, ConditionTold{.node = made_id(1), .condition = {}});
  EXPECT_FALSE(plan_for(state, busy()));
  PlanCircumstances idle = busy();
  idle.idle = true;
  const auto next = plan_for(state, idle);
  ASSERT_TRUE(next);
  add(state, *next);
  EXPECT_TRUE(uses(state, 1));
}

TEST(Condition, ASlowedDeviceGetsLess) {
  ReplicatedState state = served_by({2000 * MB, 1500 * MB});
  ASSERT_TRUE(uses(state, 1) != uses(state, 2)) << "one is enough";
  const uint8_t used = uses(state, 1) ? 1 : 2;
  PlanCircumstances idle = busy();
  idle.idle = true;
  add(state, heat(used, Heat::hot, 95));
  EXPECT_FALSE(plan_for(state, idle)) << "not worth it";
  add(state, heat(used, Heat::hot, 40));
  const auto next = plan_for(state, idle);
  ASSERT_TRUE(next);
  add(state, *next);
  EXPECT_FALSE(uses(state, used));
}

TEST(Condition, StartedAnewItIsForgotten) {
  ReplicatedState state = served_by({2000 * MB, 500 * MB, 500 * MB});
  add(state, low_battery(1));
  NodeFacts facts = state.nodes.at(made_id(1)).facts;
  ++facts.incarnation;
  add(state, NodeTold{facts});
  EXPECT_EQ(state.nodes.at(made_id(1)).condition, NodeCondition{});
  EXPECT_FALSE(changes(state, ConditionTold{.node = made_id(9), .condition = {}})) << "nobody of that name";
}

TEST(Condition, ShardsAreWhatIsLoaded) {
  Holding holding;
  EXPECT_TRUE(shards_of(holding).empty());
  const ReplicatedState state = served_by({500 * MB, 500 * MB});
  take_on(holding, state.plan->made.plan);
  holding.stages[0].progress = Progress::fetched;
  EXPECT_TRUE(shards_of(holding).empty());
  holding.stages[0].progress = Progress::loaded;
  const auto shards = shards_of(holding);
  ASSERT_EQ(shards.size(), 1U);
  EXPECT_EQ(shards[0].model, "made");
  EXPECT_EQ(shards[0].layers, state.plan->made.plan.stages[0].layers);
}

}  // namespace
}  // namespace exogpu::cluster
