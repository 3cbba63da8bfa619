#include "cluster/plan_input.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/condition.h"
#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;

PlanContext in_progress() { return {.term = example_term(1), .idle = false, .epoch_max = {}}; }

// Nodes 1, 2, ... with so much memory; the first serves a model of eight layers, and is the fastest.
ReplicatedState served_by_first(const std::vector<Bytes>& memories) {
  ReplicatedState state;
  for (size_t i = 0; i < memories.size(); ++i) {
    add(state, NodeReported{example_facts(static_cast<uint8_t>(i + 1), memories[i], i == 0 ? 2e11 : 1e11)});
  }
  add(state, ModelSet{example_model(8)});
  add(state, plan_for(view(state), in_progress()).value());
  for (uint32_t i = 0; i < only(state).plan->stages.size(); ++i) {
    add(state, StageReported{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
  }
  return state;
}

bool has_layers(const ReplicatedState& state, uint8_t node) {
  return std::ranges::contains(only(state).plan->made.plan.stages, example_id(node),
                               [](const PlannedStage& stage) { return stage.device.node; });
}

ConditionReported acting(uint8_t node, HeatAction action) {
  ConditionReported reported{.node = example_id(node), .condition = {}};
  DeviceCondition& device = reported.condition.devices.emplace_back();
  device.device = "gpu0";
  device.action = action;
  return reported;
}

ConditionReported on_battery(uint8_t node, bool given_up) {
  ConditionReported reported{.node = example_id(node), .condition = {}};
  reported.condition.battery = BatteryCondition{.charge_percent = 35, .on_battery = true, .given_up = given_up};
  return reported;
}

TEST(PlanInput, ADeviceThatLeavesIsAvoided) {
  ReplicatedState state = served_by_first({2000 * MB, 500 * MB, 500 * MB});
  ASSERT_TRUE(has_layers(state, 1));
  EXPECT_FALSE(affects_plans(state, acting(1, HeatAction::paced)));
  EXPECT_TRUE(affects_plans(state, acting(1, HeatAction::leaving)));
  add(state, acting(1, HeatAction::leaving));
  add(state, plan_for(view(state), in_progress()).value());
  EXPECT_FALSE(has_layers(state, 1));
}

TEST(PlanInput, ChunksAreSmallWhileADeviceOfThePlanIsReduced) {
  ReplicatedState state = served_by_first({2000 * MB, 500 * MB});
  ASSERT_FALSE(has_layers(state, 2));
  const StagePlan plan = only(state).plan->made.plan;
  add(state, acting(2, HeatAction::reduced));
  EXPECT_FALSE(chunks_are_small(state.nodes, plan));
  add(state, acting(1, HeatAction::paced));
  EXPECT_FALSE(chunks_are_small(state.nodes, plan));
  add(state, acting(1, HeatAction::reduced));
  EXPECT_TRUE(chunks_are_small(state.nodes, plan));
}

TEST(PlanInput, WhoPlugsInFirstGetsTheLayers) {
  ReplicatedState state = served_by_first({2000 * MB, 2000 * MB, 2000 * MB});
  for (const uint8_t node : {1, 2, 3}) add(state, on_battery(node, true));
  EXPECT_TRUE(broken_reason(view(state)).contains("--battery-floor")) << broken_reason(view(state));
  const auto ended = plan_for(view(state), in_progress());
  ASSERT_TRUE(ended && std::holds_alternative<PlanEnded>(*ended)) << "though no other node can hold the model";
  add(state, *ended);
  EXPECT_TRUE(only(state).no_plan_reason.contains("--battery-floor")) << only(state).no_plan_reason;
  EXPECT_TRUE(affects_plans(state, on_battery(3, false)));
  add(state, on_battery(3, false));
  add(state, plan_for(view(state), in_progress()).value());
  EXPECT_TRUE(has_layers(state, 3));
  for (const uint8_t node : {1, 2}) {
    add(state, on_battery(node, false));
    EXPECT_FALSE(plan_for(view(state), in_progress()));
  }
}

}  // namespace
}  // namespace exogpu::cluster
