#include "node/cluster_counter.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;

wire::PlanRecord plan_of(uint64_t epoch, wire::NodeId node) {
  wire::PlanRecord record;
  record.made.plan.epoch = wire::PlanEpoch(epoch);
  record.made.plan.stages = {{.device = {.node = node, .device = "gpu0"}, .layers = {0, 2}}};
  record.stages.resize(1);
  return record;
}

TEST(ClusterCounter, PlansByWhyTheyWereMade) {
  ClusterCounter counter;
  wire::ReplicatedState state;
  state.nodes[example_id(1)].online = true;
  state.nodes[example_id(2)].online = true;
  wire::ModelRecord& model = state.models["c"];
  counter.observe(state);
  EXPECT_TRUE(counter.counts().plans.empty());
  model.plan = plan_of(1, example_id(1));
  counter.observe(state);
  counter.observe(state);
  EXPECT_EQ(counter.counts().plans.at("first"), 1U) << "the same plan counts once";
  model.plan = plan_of(2, example_id(2));
  counter.observe(state);
  EXPECT_EQ(counter.counts().plans.at("replanned"), 1U);
  state.nodes[example_id(2)].online = false;
  model.plan.reset();
  counter.observe(state);
  model.plan = plan_of(3, example_id(1));
  counter.observe(state);
  EXPECT_EQ(counter.counts().plans.at("node_lost"), 1U);
  model.unfit[{.node = example_id(1), .device = "gpu0"}] = "out of memory";
  state.nodes[example_id(2)].online = true;
  model.plan = plan_of(4, example_id(2));
  counter.observe(state);
  EXPECT_EQ(counter.counts().plans.at("device_failed"), 1U);
}

TEST(ClusterCounter, LeadersThatAreObeyed) {
  ClusterCounter counter;
  counter.observe_leader(std::nullopt);
  counter.observe_leader(example_id(1));
  counter.observe_leader(std::nullopt);
  counter.observe_leader(example_id(1));
  EXPECT_EQ(counter.counts().leader_changes, 1U);
  counter.observe_leader(example_id(2));
  EXPECT_EQ(counter.counts().leader_changes, 2U);
}

}  // namespace
}  // namespace exogpu::node
