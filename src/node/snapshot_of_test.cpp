#include "node/snapshot_of.h"

#include <gtest/gtest.h>

#include "node/testing/planned_state.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;
using testing::kPlannedEpoch;
using testing::planned_state;
using testing::set_phase;

TEST(SnapshotOf, ShowsWhichStageDoesWhatAndHowFar) {
  wire::ReplicatedState state = planned_state();
  set_phase(state, 0, wire::StagePhase::ready);
  set_phase(state, 1, wire::StagePhase::loading);
  const StageReports reports{
      {{kPlannedEpoch, 1}, {.epoch = wire::PlanEpoch(7), .stage = 1, .done = 5, .total = 20, .activity = "loading"}}};
  EXPECT_EQ(not_serving_reason(state, only(state), reports), "n2/gpu0 is loading its part of the model (25 %)");
  const ClusterSnapshot snapshot = snapshot_of(state, example_id(1), "not to be seen", reports);
  EXPECT_FALSE(snapshot.models.at(0).serving);
  EXPECT_EQ(snapshot.models.at(0).not_serving_reason, "n2/gpu0 is loading its part of the model (25 %)");
  EXPECT_EQ(snapshot.leader, "n1");
  EXPECT_EQ(snapshot.no_leader_reason, "");
  EXPECT_TRUE(snapshot.nodes[0].leader);
  EXPECT_FALSE(snapshot.nodes[1].leader);
  ASSERT_TRUE(snapshot.models.at(0).plan);
  EXPECT_EQ(snapshot.models.at(0).plan->stages[0].status, wire::StagePhase::ready);
  EXPECT_FALSE(snapshot.models.at(0).plan->stages[0].activity);
  ASSERT_TRUE(snapshot.models.at(0).plan->stages[1].activity);
  EXPECT_EQ(snapshot.models.at(0).plan->stages[1].activity->text, "loading");
  EXPECT_EQ(snapshot.models.at(0).plan->stages[1].activity->done, 5U);
  EXPECT_EQ(snapshot.models.at(0).plan->unused_devices[0].reason, "slower with it");
}

TEST(SnapshotOf, ShowsConditions) {
  wire::ReplicatedState state = planned_state();
  add(state, wire::ConditionReported{
                 .node = example_id(1),
                 .condition = {.load_percent = 40,
                               .battery = wire::BatteryCondition{.charge_percent = 15, .on_battery = true, .low = true},
                               .devices = {{.device = "gpu0",
                                            .load_percent = 90,
                                            .temperature_c = 81,
                                            .heat = wire::Heat::hot,
                                            .speed_percent = 70,
                                            .action = wire::HeatAction::fewer_layers,
                                            .pace_percent = 50,
                                            .action_reason = "it is to stay cool"}},
                               .shards = {{.device = "gpu0", .model = "made", .content = "abc", .layers = {0, 2}}},
                               .memory = {.pressure = wire::MemoryPressure::layers, .bytes_max = 5 * GiB}}});
  const ClusterSnapshot snapshot = snapshot_of(state, example_id(1), {}, {});
  const NodeSnapshot& node = snapshot.nodes[0];
  EXPECT_EQ(node.load_percent, 40U);
  EXPECT_EQ(node.battery, (BatterySnapshot{.charge_percent = 15, .discharging = true, .low = true}));
  EXPECT_EQ(node.devices[0].heat, wire::Heat::hot);
  EXPECT_EQ(node.devices[0].temperature_c, 81);
  EXPECT_EQ(node.devices[0].speed_percent, 70U);
  EXPECT_EQ(node.devices[0].action, wire::HeatAction::fewer_layers);
  EXPECT_EQ(node.devices[0].pace_percent, 50U);
  EXPECT_EQ(node.devices[0].action_reason, "it is to stay cool");
  EXPECT_EQ(node.shards[0].layers, (wire::LayerRange{0, 2}));
  EXPECT_EQ(node.memory, (MemorySnapshot{.pressure = wire::MemoryPressure::layers, .bytes_max = 5 * GiB}));
  EXPECT_FALSE(snapshot.nodes[1].battery);
  EXPECT_FALSE(snapshot.nodes[1].devices[0].heat);
}

TEST(SnapshotOf, IgnoresReportsOfAnotherPlan) {
  const wire::ReplicatedState state = planned_state();
  const StageReports old{{{wire::PlanEpoch(6), 0},
                          {.epoch = wire::PlanEpoch(6), .stage = 0, .done = 5, .total = 20, .activity = "loading"}}};
  EXPECT_EQ(not_serving_reason(state, only(state), old), "n1/gpu0 is waiting for its part of the model");
  EXPECT_FALSE(snapshot_of(state, {}, "alone", old).models.at(0).plan->stages[0].activity);
}

TEST(SnapshotOf, ServesWhenAllStagesAreReady) {
  wire::ReplicatedState state = planned_state();
  for (const uint32_t stage : {0U, 1U}) set_phase(state, stage, wire::StagePhase::ready);
  EXPECT_EQ(not_serving_reason(state, only(state), {}), "");
  EXPECT_TRUE(snapshot_of(state, example_id(2), {}, {}).models.at(0).serving);
}

TEST(SnapshotOf, ServedModelsComeFirstAndThenTheirNamesDecide) {
  wire::ReplicatedState state = planned_state();
  for (const auto& [name, content] : {std::pair("zebra", "123"), std::pair("ant", "456")}) {
    wire::ServedModel other = example_model(4);
    other.model = name;
    other.content = content;
    add(state, wire::ModelSet{other});
  }
  const auto names = [&] {
    std::vector<std::string> out;
    for (const ModelSnapshot& model : snapshot_of(state, {}, {}, {}).models) out.push_back(model.name);
    return out;
  };
  EXPECT_EQ(names(), (std::vector<std::string>{"ant", "made", "zebra"}));
  for (const uint32_t stage : {0U, 1U}) set_phase(state, stage, wire::StagePhase::ready);
  EXPECT_EQ(names(), (std::vector<std::string>{"made", "ant", "zebra"}));
}

TEST(SnapshotOf, NamesTheReasonsOfOfflineNodesAndAMissingLeader) {
  wire::ReplicatedState state = planned_state();
  add(state, wire::NodeLost{.node = example_id(2), .reason = "silent for 800 ms"});
  add(state, wire::DrainingSet{.node = example_id(1), .draining = true});
  const ClusterSnapshot snapshot = snapshot_of(state, {}, "no other node has replied yet", {});
  EXPECT_FALSE(snapshot.leader);
  EXPECT_EQ(snapshot.no_leader_reason, "no other node has replied yet");
  EXPECT_TRUE(snapshot.nodes[0].draining);
  EXPECT_FALSE(snapshot.nodes[1].online);
  EXPECT_EQ(snapshot.nodes[1].offline_reason, "silent for 800 ms");
}

}  // namespace
}  // namespace exogpu::node
