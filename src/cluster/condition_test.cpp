#include "cluster/condition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;
using std::chrono::seconds;

SensorReadings cool(double load = 0.02) {
  return {.load = load,
          .charge = {},
          .on_battery = false,
          .devices = {{.device = "gpu0", .load = load, .temperature_c = 50, .limit_c = 100, .speed = 0.3}}};
}

// One reading every five seconds.
struct Watched {
  ConditionFilter watch;
  Time now{};
  int reports = 0;

  const NodeCondition& observe(const SensorReadings& readings, seconds for_s = seconds(5)) {
    for (Duration passed{}; passed < for_s; passed += seconds(5)) {
      const NodeCondition before = watch.reported();
      watch.update(readings, now);
      reports += watch.reported() != before ? 1 : 0;
      now += seconds(5);
    }
    return watch.reported();
  }
};

TEST(Condition, NoiseIsNotReported) {
  Watched node;
  SensorReadings readings = cool();
  readings.charge = 0.5;
  for (int i = 0; i < 720; ++i) {  // an hour
    readings.load = 0.05 + 0.05 * std::sin(i);
    readings.devices[0].load = i % 10 == 9 ? 0.6 : 0;
    readings.devices[0].temperature_c = 50 + 3 * std::sin(i);
    readings.charge = 0.5 + 0.02 * std::sin(i);
    node.observe(readings);
  }
  EXPECT_EQ(node.reports, 1) << "the first time";
}

TEST(Condition, LargeChangesAreReportedInSteps) {
  Watched node;
  node.observe(cool(0), seconds(60));
  EXPECT_EQ(node.watch.reported().load_percent, 0U);
  node.observe(cool(1), seconds(120));
  EXPECT_GE(node.watch.reported().load_percent, 80U);
  EXPECT_LE(node.reports, 5);
  SensorReadings none;
  none.devices.emplace_back().device = "gpu0";
  node.observe(none, seconds(60));
  EXPECT_FALSE(node.watch.reported().devices[0].temperature_c);
  EXPECT_EQ(node.watch.reported().devices[0].heat, Heat::normal);
}

TEST(Condition, ABatteryIsLowUntilItIsChargedOrWellFull) {
  Watched node;
  SensorReadings readings = cool();
  readings.charge = 0.21;
  readings.on_battery = true;
  EXPECT_FALSE(node.observe(readings).battery->low);
  readings.charge = 0.19;
  EXPECT_TRUE(node.observe(readings).battery->low) << "at once";
  readings.charge = 0.25;
  EXPECT_TRUE(node.observe(readings, seconds(300)).battery->low) << "not well above";
  readings.on_battery = false;
  EXPECT_TRUE(node.observe(readings, seconds(30)).battery->low) << "a loose plug";
  EXPECT_FALSE(node.observe(readings, seconds(90)).battery->low);
  readings.charge = 0.1;
  EXPECT_FALSE(node.observe(readings, seconds(90)).battery->low) << "it is charged";
  readings.charge.reset();
  EXPECT_FALSE(node.observe(readings).battery);
}

TEST(Condition, HeatIsReportedAtOnceAndItsEndLater) {
  Watched node;
  const auto heat = [&] { return node.watch.reported().devices[0].heat; };
  SensorReadings readings = cool(1);
  node.observe(readings, seconds(60));
  EXPECT_EQ(heat(), Heat::normal);
  readings.devices[0].throttled = true;
  readings.devices[0].speed = 0.6;
  node.observe(readings);
  EXPECT_EQ(heat(), Heat::hot);
  EXPECT_EQ(node.watch.reported().devices[0].speed_percent, 60U);
  readings.devices[0].throttled = false;
  readings.devices[0].temperature_c = 90;
  node.observe(readings, seconds(300));
  EXPECT_EQ(heat(), Heat::hot) << "it is not well below its limit";
  readings.devices[0].temperature_c = 99;
  node.observe(readings, seconds(5));
  EXPECT_EQ(heat(), Heat::hot) << "for a moment";
  node.observe(readings, seconds(15));
  EXPECT_EQ(heat(), Heat::critical);
  readings.devices[0].temperature_c = 80;
  node.observe(readings, seconds(30));
  EXPECT_EQ(heat(), Heat::critical);
  node.observe(readings, seconds(60));
  EXPECT_EQ(heat(), Heat::normal);
  node.observe(readings, seconds(60));
  EXPECT_EQ(node.watch.reported().devices[0].speed_percent, 100U);
}

TEST(Condition, AnIdleDeviceIsNotTakenToBeSlow) {
  Watched node;
  SensorReadings readings = cool(0);
  readings.devices[0].throttled = true;
  readings.devices[0].speed = 0.2;
  node.observe(readings, seconds(60));
  EXPECT_EQ(node.watch.reported().devices[0].heat, Heat::hot);
  EXPECT_EQ(node.watch.reported().devices[0].speed_percent, 100U);
}

TEST(Condition, ABatteryBelowItsFloorIsGivenUpUntilItIsPluggedIn) {
  Watched node{.watch = ConditionFilter({.charge_floor = 0.4})};
  SensorReadings readings = cool();
  readings.charge = 0.41;
  readings.on_battery = true;
  EXPECT_FALSE(node.observe(readings).battery->given_up);
  readings.charge = 0.39;
  EXPECT_TRUE(node.observe(readings).battery->given_up) << "at once";
  EXPECT_FALSE(node.watch.reported().battery->low);
  readings.charge = 0.43;
  EXPECT_TRUE(node.observe(readings, seconds(300)).battery->given_up) << "not well above";
  readings.on_battery = false;
  EXPECT_FALSE(node.observe(readings, seconds(15)).battery->given_up);
  node.watch.set_charge_floor(1.0);
  readings.on_battery = true;
  EXPECT_TRUE(node.observe(readings).battery->given_up) << "only on mains power";
  node.watch.set_charge_floor({});
  EXPECT_FALSE(node.observe(readings, seconds(15)).battery->given_up);
}

TEST(Condition, AnActionIsReportedAtOnceAndTheSpeedThatItLeaves) {
  Watched node;
  SensorReadings readings = cool(1);
  node.observe(readings, seconds(60));
  DeviceReadings& gpu = readings.devices[0];
  gpu.action = HeatAction::paced;
  gpu.pace = gpu.speed_left = 0.8;
  gpu.action_reason = "it is to stay below 94 degrees";
  const auto device = [&] { return node.watch.reported().devices[0]; };
  node.observe(readings);
  EXPECT_EQ(device().action, HeatAction::paced);
  EXPECT_EQ(device().pace_percent, 80U);
  EXPECT_EQ(device().action_reason, "it is to stay below 94 degrees");
  EXPECT_EQ(device().speed_percent, 100U) << "it asks for no other plan";
  const int before = node.reports;
  for (int i = 0; i < 60; ++i) {
    gpu.pace = 0.8 + 0.05 * std::sin(i);
    node.observe(readings);
  }
  EXPECT_LE(node.reports, before + 1);
  gpu.action = HeatAction::fewer_layers;
  gpu.speed_left = 0.4;
  node.observe(readings);
  EXPECT_EQ(device().speed_percent, 40U);
  gpu.action = HeatAction::none;
  node.observe(readings);
  EXPECT_EQ(device().pace_percent, 100U);
  EXPECT_EQ(device().action_reason, "");
  EXPECT_EQ(device().speed_percent, 100U);
}

// --- in plans

ConditionReported low_battery(uint8_t node) {
  return {.node = example_id(node),
          .condition = {.load_percent = {},
                        .battery = BatteryCondition{.charge_percent = 12, .on_battery = true, .low = true},
                        .devices = {},
                        .shards = {}}};
}

ConditionReported heat(uint8_t node, Heat heat, uint32_t speed = 100) {
  return {.node = example_id(node),
          .condition = {
              .load_percent = {},
              .battery = {},
              .devices =
                  {{.device = "gpu0", .load_percent = {}, .temperature_c = {}, .heat = heat, .speed_percent = speed}},
              .shards = {}}};
}

PlanContext busy() { return {.term = example_term(1), .idle = false, .epoch_max = {}}; }

ReplicatedState served_by(const std::vector<Bytes>& memories, double first_rate = 1e11) {
  ReplicatedState state;
  for (size_t i = 0; i < memories.size(); ++i) {
    add(state, NodeReported{example_facts(static_cast<uint8_t>(i + 1), memories[i], i == 0 ? first_rate : 1e11)});
  }
  add(state, ModelSet{example_model(8)});
  add(state, plan_for(view(state), busy()).value());
  for (uint32_t i = 0; i < only(state).plan->stages.size(); ++i) {
    add(state, StageReported{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
  }
  return state;
}

bool uses(const ReplicatedState& state, uint8_t node) {
  return std::ranges::contains(only(state).plan->made.plan.stages, example_id(node),
                               [](const PlannedStage& stage) { return stage.device.node; });
}

TEST(Condition, PlansAvoidDevicesIfTheOthersCanHoldTheModel) {
  for (const ConditionReported& reported : {low_battery(1), heat(1, Heat::critical)}) {
    ReplicatedState state = served_by({2000 * MB, 500 * MB, 500 * MB});
    ASSERT_TRUE(uses(state, 1));
    EXPECT_TRUE(affects_plans(state, reported));
    add(state, reported);
    EXPECT_FALSE(affects_plans(state, reported)) << "reported before";
    EXPECT_NE(avoidable_reason(view(state)).find("n1/gpu0"), std::string::npos) << avoidable_reason(view(state));
    const auto next = plan_for(view(state), busy());
    ASSERT_TRUE(next) << "at once, though somebody is answered";
    add(state, *next);
    EXPECT_FALSE(uses(state, 1));
    EXPECT_EQ(avoidable_reason(view(state)), "");
    ASSERT_EQ(only(state).plan->made.unused.size(), 1U);
    const bool hot = !reported.condition.devices.empty();
    EXPECT_EQ(only(state).plan->made.unused[0].constraint, hot ? "heat" : "battery");
    EXPECT_FALSE(plan_for(view(state), busy()));
    EXPECT_EQ(impossible_reason(view(state)), "");
  }
}

TEST(Condition, AnAvoidedDeviceIsUsedWhereTheModelNeedsIt) {
  ReplicatedState state = served_by({500 * MB, 500 * MB});
  add(state, low_battery(1));
  EXPECT_FALSE(plan_for(view(state), busy()));
  EXPECT_EQ(avoidable_reason(view(state)), "");
  only(state).plan.reset();
  const auto next = plan_for(view(state), busy());
  ASSERT_TRUE(next);
  add(state, *next);
  EXPECT_TRUE(only(state).plan && uses(state, 1)) << only(state).no_plan_reason;
}

TEST(Condition, OfTwoTheHottestIsAvoidedFirst) {
  ReplicatedState state = served_by({500 * MB, 500 * MB, 500 * MB});
  add(state, heat(1, Heat::critical));
  add(state, low_battery(2));
  if (auto next = plan_for(view(state), busy())) add(state, *next);
  EXPECT_FALSE(uses(state, 1));
  EXPECT_TRUE(uses(state, 2));
  EXPECT_EQ(avoidable_reason(view(state)), "");
}

TEST(Condition, ARecoveredDeviceIsUsedAgainWhenNoRequestIsInProgress) {
  ReplicatedState state = served_by({2000 * MB, 500 * MB, 500 * MB}, 2e11);
  add(state, low_battery(1));
  add(state, plan_for(view(state), busy()).value());
  for (uint32_t i = 0; i < only(state).plan->stages.size(); ++i) {
    add(state, StageReported{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
  }
  add(state, ConditionReported{.node = example_id(1), .condition = {}});
  EXPECT_FALSE(plan_for(view(state), busy()));
  PlanContext idle = busy();
  idle.idle = true;
  const auto next = plan_for(view(state), idle);
  ASSERT_TRUE(next);
  add(state, *next);
  EXPECT_TRUE(uses(state, 1));
}

TEST(Condition, ASlowedDeviceGetsLess) {
  ReplicatedState state = served_by({2000 * MB, 1500 * MB});
  ASSERT_TRUE(uses(state, 1) != uses(state, 2)) << "one is enough";
  const uint8_t used = uses(state, 1) ? 1 : 2;
  PlanContext idle = busy();
  idle.idle = true;
  add(state, heat(used, Heat::hot, 95));
  EXPECT_FALSE(plan_for(view(state), idle)) << "not worth it";
  add(state, heat(used, Heat::hot, 40));
  const auto next = plan_for(view(state), idle);
  ASSERT_TRUE(next);
  add(state, *next);
  EXPECT_FALSE(uses(state, used));
}

ConditionReported short_of_memory(uint8_t node, Bytes bytes_max) {
  return {.node = example_id(node),
          .condition = {.load_percent = {},
                        .battery = {},
                        .devices = {},
                        .shards = {},
                        .memory = {.pressure = MemoryPressure::layers, .bytes_max = bytes_max}}};
}

void put_all_in_host_memory(ReplicatedState& state) {
  for (auto& [id, node] : state.nodes) {
    for (DeviceProfile& device : node.facts.info.devices) device.uses_host_memory = true;
  }
}

Bytes bytes_on(const ReplicatedState& state, uint8_t node) {
  Bytes bytes = 0;
  const PlanMade& made = only(state).plan->made;
  for (size_t i = 0; i < made.plan.stages.size(); ++i) {
    if (made.plan.stages[i].device.node == example_id(node)) bytes += made.stage_bytes[i];
  }
  return bytes;
}

TEST(Condition, ANodeThatIsShortOfMemoryGetsASmallerPart) {
  ReplicatedState state = served_by({2000 * MB, 900 * MB, 500 * MB});
  put_all_in_host_memory(state);
  ASSERT_GT(bytes_on(state, 1), 400 * MB);
  const ConditionReported reported = short_of_memory(1, 400 * MB);
  EXPECT_TRUE(affects_plans(state, reported));
  add(state, reported);
  EXPECT_FALSE(affects_plans(state, reported)) << "reported before";
  EXPECT_NE(avoidable_reason(view(state)).find("is short of memory"), std::string::npos)
      << avoidable_reason(view(state));
  const auto next = plan_for(view(state), busy());
  ASSERT_TRUE(next) << "at once, though somebody is answered";
  add(state, *next);
  EXPECT_LE(bytes_on(state, 1), 400 * MB);
  EXPECT_EQ(avoidable_reason(view(state)), "");
  EXPECT_FALSE(plan_for(view(state), busy()));
  add(state, ConditionReported{.node = example_id(1), .condition = {}});
  EXPECT_FALSE(plan_for(view(state), busy())) << "it serves, and somebody is answered";
}

TEST(Condition, AShortageOfMemoryEndsNoPlanThatNothingCanReplace) {
  ReplicatedState state = served_by({500 * MB, 500 * MB});
  put_all_in_host_memory(state);
  add(state, short_of_memory(1, 100 * MB));
  EXPECT_FALSE(plan_for(view(state), busy()));
  EXPECT_EQ(avoidable_reason(view(state)), "");
  EXPECT_EQ(impossible_reason(view(state)), "");
  only(state).plan.reset();
  const auto next = plan_for(view(state), busy());
  ASSERT_TRUE(next);
  add(state, *next);
  EXPECT_TRUE(only(state).plan && uses(state, 1)) << only(state).no_plan_reason;
}

TEST(Condition, AShortageOfTheHostDoesNotConcernDevicesWithMemoryOfTheirOwn) {
  ReplicatedState state = served_by({2000 * MB, 900 * MB});
  add(state, short_of_memory(1, 100 * MB));
  EXPECT_FALSE(plan_for(view(state), busy()));
}

TEST(Condition, ARestartForgetsIt) {
  ReplicatedState state = served_by({2000 * MB, 500 * MB, 500 * MB});
  add(state, low_battery(1));
  NodeFacts facts = state.nodes.at(example_id(1)).facts;
  ++facts.incarnation;
  add(state, NodeReported{facts});
  EXPECT_EQ(state.nodes.at(example_id(1)).condition, NodeCondition{});
  EXPECT_FALSE(changes(state, ConditionReported{.node = example_id(9), .condition = {}})) << "nobody of that name";
}

TEST(Condition, AGroupIsAsHotAndAsSlowAsItsWorstMember) {
  NodeRecord node;
  node.condition.devices = {{.device = "cuda0", .load_percent = {}, .temperature_c = {}},
                            {.device = "cuda1", .load_percent = {}, .temperature_c = {}, .speed_percent = 60}};
  const auto rules = [&](const std::string& device) {
    return rules_of(node, {.node = example_id(1), .device = device});
  };
  EXPECT_TRUE(rules("cuda0+cuda1").empty());
  EXPECT_DOUBLE_EQ(speed_share(node, "cuda0+cuda1"), 0.6);
  EXPECT_DOUBLE_EQ(speed_share(node, "cuda0+cpu"), 1.0);
  node.condition.devices[0].heat = wire::Heat::critical;
  ASSERT_EQ(rules("cuda0+cuda1").size(), 1U);
  EXPECT_EQ(rules("cuda0+cuda1")[0].rule, placement::Rule::heat);
  EXPECT_TRUE(rules("cuda1").empty());
}

TEST(Condition, ShardsAreWhatIsLoaded) {
  LocalPlan local;
  EXPECT_TRUE(shards_of({&local}).empty());
  const ReplicatedState state = served_by({500 * MB, 500 * MB});
  accept_plan(local, only(state).plan->made.plan);
  local.stages[0].progress = StageReadiness::fetched;
  EXPECT_TRUE(shards_of({&local}).empty());
  local.stages[0].progress = StageReadiness::loaded;
  const auto shards = shards_of({&local});
  ASSERT_EQ(shards.size(), 1U);
  EXPECT_EQ(shards[0].model, "made");
  EXPECT_EQ(shards[0].layers, only(state).plan->made.plan.stages[0].layers);
}

}  // namespace
}  // namespace exogpu::cluster
