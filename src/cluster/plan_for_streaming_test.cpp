// Plans of models that nothing holds in memory.
#include <gtest/gtest.h>

#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;

PlanContext context() { return {.term = example_term(1), .epoch_max = {}}; }

void plan_again(ReplicatedState& state) {
  const auto event = plan_for(view(state), context());
  ASSERT_TRUE(event);
  add(state, *event);
  ASSERT_TRUE(only(state).plan) << only(state).no_plan_reason;
}

void report_ready(ReplicatedState& state) {
  for (uint32_t i = 0; i < only(state).plan->stages.size(); ++i)
    add(state, StageReported{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
}

ReplicatedState streaming_node(Bytes memory) {
  ReplicatedState state;
  NodeFacts facts = example_facts(1, memory);
  facts.info.devices[0].stream_bytes_per_s = 1e9;
  add(state, NodeReported{facts});
  add(state, ModelSet{example_model(8)});
  return state;
}

TEST(PlanThatStreams, UsesTheMemoryThatThereIs) {
  ReplicatedState state = streaming_node(600 * MB);
  plan_again(state);
  const Bytes budget = only(state).plan->made.plan.stages[0].weight_budget;
  EXPECT_GT(budget, 400 * MB);
  EXPECT_LT(budget, 600 * MB);
  EXPECT_LE(only(state).plan->made.stage_bytes[0], 600 * MB);
  report_ready(state);
  EXPECT_FALSE(plan_for(view(state), context())) << "nothing to do";

  NodeFacts less = example_facts(1, 450 * MB);
  less.info.devices[0].stream_bytes_per_s = 1e9;
  add(state, NodeReported{less});
  plan_again(state);
  EXPECT_EQ(only(state).plan->made.plan.stages[0].weight_budget, budget - 150 * MB) << "the budget shrinks";
  report_ready(state);

  add(state, NodeReported{example_facts(2, 2000 * MB)});
  plan_again(state);
  EXPECT_EQ(only(state).plan->made.plan.stages[0].device.node, example_id(2));
  EXPECT_EQ(only(state).plan->made.plan.stages[0].weight_budget, 0U) << "another node holds it";
}

TEST(PlanThatStreams, UsesMemoryThatItGetsLater) {
  ReplicatedState state = streaming_node(450 * MB);
  plan_again(state);
  const Bytes budget = only(state).plan->made.plan.stages[0].weight_budget;
  report_ready(state);
  const auto gets = [&](Bytes memory) {
    NodeFacts facts = example_facts(1, memory);
    facts.info.devices[0].stream_bytes_per_s = 1e9;
    add(state, NodeReported{facts});
  };
  gets(455 * MB);
  EXPECT_FALSE(plan_for(view(state), context())) << "it would hardly be faster";
  gets(600 * MB);
  EXPECT_FALSE(plan_for(view(state), {.term = example_term(1), .idle = false, .epoch_max = {}})) << "not amid answers";
  plan_again(state);
  EXPECT_EQ(only(state).plan->made.plan.stages[0].weight_budget, budget + 150 * MB);
  report_ready(state);
  EXPECT_FALSE(plan_for(view(state), context())) << "nothing to do";
  gets(2000 * MB);
  plan_again(state);
  EXPECT_EQ(only(state).plan->made.plan.stages[0].weight_budget, 0U) << "it holds all of it";
}

TEST(PlanThatStreams, WaitsUntilOtherModelsMakeRoom) {
  ReplicatedState state = streaming_node(600 * MB);
  ServedModel small = example_model(2);
  small.content = "def";
  add(state, ModelSet{small});
  const auto first = plan_for(model_view(state, "def"), context());
  ASSERT_TRUE(first);
  add(state, *first);
  const auto none = plan_for(view(state), context());
  ASSERT_TRUE(none);
  EXPECT_TRUE(std::holds_alternative<PlanEnded>(*none)) << "that one makes room first";
}

}  // namespace
}  // namespace exogpu::cluster
