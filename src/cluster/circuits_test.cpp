#include "cluster/circuits.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;

NodeReported drawing(uint8_t number, double watts, double rate) {
  NodeFacts facts = example_facts(number, 600 * MB, rate);
  facts.info.devices[0].active_w = watts;
  return {facts};
}

ConditionReported on_circuit(uint8_t number, const std::string& circuit, double watts) {
  ConditionReported reported{.node = example_id(number), .condition = {}};
  reported.condition.owner = {.circuit = circuit, .circuit_w = watts};
  return reported;
}

ConditionReported reserved(uint8_t number) {
  ConditionReported reported{.node = example_id(number), .condition = {}};
  reported.condition.owner.reserved = "its owner shares it from 18 to 23 o'clock only";
  return reported;
}

std::vector<DeviceRef> beyond(const ReplicatedState& state) {
  std::vector<DeviceRef> devices;
  for (const placement::DeviceRule& rule : circuit_rules(state.nodes)) devices.push_back(rule.device);
  return devices;
}

TEST(Circuits, TheFastestDevicesGetThePower) {
  ReplicatedState state;
  add(state, drawing(1, 300, 1e11));
  add(state, drawing(2, 500, 3e11));
  add(state, drawing(3, 150, 2e11));
  EXPECT_TRUE(beyond(state).empty()) << "no circuit is named";
  for (const uint8_t node : {1, 2, 3}) add(state, on_circuit(node, "kitchen", 700));
  EXPECT_EQ(beyond(state), (std::vector{DeviceRef{example_id(1), "gpu0"}}));
  EXPECT_EQ(circuit_rules(state.nodes)[0].reason,
            "it draws 300 W while it computes, and of the 700 W of the circuit kitchen faster devices use 650 "
            "(--circuit)");
  add(state, on_circuit(3, "kitchen", 550));
  EXPECT_EQ(beyond(state).size(), 2U) << "the lowest of what their nodes say counts";
  add(state, on_circuit(3, "cellar", 150));
  EXPECT_EQ(beyond(state), (std::vector{DeviceRef{example_id(1), "gpu0"}}))
      << "800 W in the kitchen, 150 in the cellar";
  add(state, reserved(2));
  EXPECT_TRUE(beyond(state).empty()) << "a device that no plan may use draws nothing";
}

PlanContext in_use() { return {.term = example_term(1), .idle = false, .epoch_max = {}}; }

bool planned_on(const ReplicatedState& state, uint8_t node) {
  return std::ranges::contains(only(state).plan->made.plan.stages, example_id(node),
                               [](const PlannedStage& stage) { return stage.device.node; });
}

// Three nodes of which any two hold the model.
ReplicatedState served() {
  ReplicatedState state;
  add(state, drawing(1, 300, 3e11));
  add(state, drawing(2, 300, 2e11));
  add(state, drawing(3, 300, 1e11));
  add(state, ModelSet{example_model(8)});
  add(state, plan_for(view(state), in_use()).value());
  return state;
}

TEST(Circuits, APlanDoesWithoutADeviceForWhichThereIsNoPower) {
  ReplicatedState state = served();
  ASSERT_TRUE(planned_on(state, 2));
  for (const uint8_t node : {1, 2}) {
    EXPECT_TRUE(affects_plans(state, on_circuit(node, "desk", 500)));
    add(state, on_circuit(node, "desk", 500));
  }
  EXPECT_TRUE(avoidable_reason(view(state)).contains("of the 500 W of the circuit desk"))
      << avoidable_reason(view(state));
  add(state, plan_for(view(state), in_use()).value());
  EXPECT_FALSE(planned_on(state, 2));
  EXPECT_TRUE(planned_on(state, 3));
  EXPECT_EQ(only(state).plan->made.unused.at(0).constraint, "power");
}

TEST(Circuits, AReservedDeviceIsLeftAtOnceEvenWhereTheModelThenHasNoPlan) {
  ReplicatedState state = served();
  EXPECT_TRUE(affects_plans(state, reserved(1)));
  add(state, reserved(1));
  EXPECT_EQ(broken_reason(view(state)), "n1/gpu0: its owner shares it from 18 to 23 o'clock only");
  add(state, plan_for(view(state), in_use()).value());
  EXPECT_FALSE(planned_on(state, 1));
  EXPECT_EQ(only(state).plan->made.unused.at(0).constraint, "access");
  add(state, reserved(2));
  add(state, plan_for(view(state), in_use()).value());
  EXPECT_FALSE(only(state).plan);
  add(state, ConditionReported{.node = example_id(2), .condition = {}});
  EXPECT_TRUE(std::holds_alternative<PlanMade>(plan_for(view(state), in_use()).value()));
}

}  // namespace
}  // namespace exogpu::cluster
