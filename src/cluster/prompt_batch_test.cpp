#include "cluster/prompt_batch.h"

#include <gtest/gtest.h>

#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

constexpr Bytes kCompute = 100'000'000;
constexpr Bytes kRoom = 8'000'000'000;
constexpr StepCost kProcessor{.tokens = 8, .token_s = 1e-3};
constexpr StepCost kGpu{.tokens = 110, .token_s = 8e-5};

TEST(PromptBatch, IsLargerWhereAStepHasALargeFixedCost) {
  EXPECT_EQ(prompt_batch({}, kProcessor, kCompute, kRoom), 512);
  EXPECT_EQ(prompt_batch({}, kGpu, kCompute, kRoom), 2048);
  EXPECT_EQ(prompt_batch({}, {.tokens = 25, .token_s = 8e-5}, kCompute, kRoom), 1024);
}

TEST(PromptBatch, IsWhatAPersonFixed) {
  EXPECT_EQ(prompt_batch({.batch_tokens = 256, .batch_fixed = true}, kGpu, kCompute, kRoom), 256);
}

TEST(PromptBatch, LeavesRoomAndTime) {
  EXPECT_EQ(prompt_batch({}, kGpu, kCompute, kCompute), 1024);
  EXPECT_EQ(prompt_batch({}, kGpu, kCompute, kCompute - 1), 512);
  EXPECT_EQ(prompt_batch({.context = 1000}, kGpu, kCompute, kRoom), 512);
  EXPECT_EQ(prompt_batch({}, {.tokens = 110, .token_s = 1e-3}, kCompute, kRoom), 512);
  EXPECT_EQ(prompt_batch({}, {.tokens = 110, .token_s = 4e-4}, kCompute, kRoom), 1024);
}

// The plan of the model on one device, of which a step costs as much as so many tokens.
wire::PlanMade plan_on(const wire::ServedModel& model, double step_cost_tokens) {
  wire::NodeFacts facts = testing::example_facts(1, 5'000'000'000, 1e12);
  facts.info.devices.front().fixed_columns = step_cost_tokens;
  wire::ReplicatedState state;
  testing::add(state, wire::NodeReported{facts});
  testing::add(state, wire::ModelSet{model});
  const PlanContext context{.term = testing::example_term(1), .epoch_max = {}};
  const auto made = plan_for(testing::view(state), context);
  if (!made || !std::holds_alternative<wire::PlanMade>(*made)) return {};
  testing::add(state, *made);
  const uint64_t epoch = state.epoch_last.value();
  testing::add(state,
               wire::StageReported{
                   .epoch = wire::PlanEpoch(epoch), .stage = 0, .phase = wire::StagePhase::ready, .failure = {}});
  EXPECT_FALSE(plan_for(testing::view(state), context)) << "it is the plan of these settings";
  return std::get<wire::PlanMade>(*made);
}

TEST(PromptBatch, IsThatOfThePlan) {
  wire::ServedModel model = testing::example_model(8);
  model.shape.compute_bytes = 10'000'000;
  const wire::PlanMade usual = plan_on(model, 0);
  const wire::PlanMade large = plan_on(model, 200);
  EXPECT_EQ(usual.plan.settings.batch_tokens, model.settings.batch_tokens);
  EXPECT_GT(large.plan.settings.batch_tokens, usual.plan.settings.batch_tokens);
  ASSERT_EQ(large.stage_bytes.size(), 1U);
  EXPECT_GT(large.stage_bytes.front(), usual.stage_bytes.front());
  model.settings.batch_fixed = true;
  EXPECT_EQ(plan_on(model, 200).plan.settings.batch_tokens, model.settings.batch_tokens);
}

}  // namespace
}  // namespace exogpu::cluster
