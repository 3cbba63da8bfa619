// A state with two nodes, a model of four layers, and a plan of two stages, for tests of a node's parts.
#pragma once

#include "cluster/testing/examples.h"

namespace exogpu::node::testing {

inline constexpr wire::PlanEpoch kPlannedEpoch{7};

inline wire::ReplicatedState planned_state() {
  using namespace cluster::testing;
  wire::ReplicatedState state;
  for (const uint8_t number : {1, 2}) add(state, wire::NodeReported{example_facts(number)});
  add(state, wire::ModelSet{example_model(4)});
  wire::PlanMade made;
  made.plan.epoch = kPlannedEpoch;
  made.plan.model = "made";
  made.plan.content = "abc";
  made.plan.settings.context = 4096;
  made.plan.settings.sequences = 1;
  made.plan.stages = {{.device = {.node = example_id(1), .device = "gpu0"}, .layers = {0, 2}},
                      {.device = {.node = example_id(2), .device = "gpu0"}, .layers = {2, 4}}};
  made.stage_bytes = {10, 20};
  made.unused = {
      {.device = {.node = example_id(2), .device = "cpu"}, .constraint = "speed", .reason = "slower with it"}};
  add(state, made);
  return state;
}

inline void set_phase(wire::ReplicatedState& state, uint32_t stage, wire::StagePhase phase) {
  cluster::testing::add(state,
                        wire::StageReported{.epoch = kPlannedEpoch, .stage = stage, .phase = phase, .failure = {}});
}

}  // namespace exogpu::node::testing
