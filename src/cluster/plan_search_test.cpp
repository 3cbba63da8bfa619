#include "cluster/plan_search.h"

#include <gtest/gtest.h>

#include "cluster/fold.h"
#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;

constexpr Bytes kTokenBytes = 2 * 1000 + 500;

PlanMade planned(const ReplicatedState& state) {
  const auto event = plan_for(view(state), {.term = example_term(1)});
  return event && std::holds_alternative<PlanMade>(*event) ? std::get<PlanMade>(*event) : PlanMade();
}

TEST(LongerContext, TakesHalfOfWhatAPlanLeaves) {
  const PlanMade made = planned(state_with({example_facts(1, 300 * MB)}, model_with_pool(100'000)));
  const Bytes needed = 200 * MB + kUsualPool * Bytes{2000};
  const Bytes most = (300 * MB - needed) / 2 / kTokenBytes;
  EXPECT_EQ(made.plan.settings.pool_tokens, kUsualPool + most / 256 * 256);
  EXPECT_EQ(made.plan.settings.context, made.plan.settings.pool_tokens);
  ASSERT_EQ(made.stage_bytes.size(), 1U);
  EXPECT_EQ(made.stage_bytes[0], needed + most / 256 * 256 * kTokenBytes);
}

TEST(LongerContext, GoesNoFurtherThanTheModel) {
  const PlanMade made = planned(state_with({example_facts(1, 900 * MB)}, model_with_pool(5000)));
  EXPECT_EQ(made.plan.settings.context, 5000U);
  EXPECT_EQ(made.plan.settings.pool_tokens, 5120U) << "whole steps of the cache";
  const PlanMade fixed = planned(state_with({example_facts(1, 900 * MB)}, model_with_pool(0)));
  EXPECT_EQ(fixed.plan.settings, model_with_pool(0).settings);
}

TEST(LongerContext, OfSeveralStagesTheSmallestRoomDecides) {
  const PlanMade made =
      planned(state_with({example_facts(1, 150 * MB), example_facts(2, 110 * MB)}, model_with_pool(100'000)));
  ASSERT_EQ(made.stage_bytes.size(), 2U);
  const Bytes most = (110 * MB - 100 * MB - kUsualPool * Bytes{1000}) / 2 / 1500;
  EXPECT_EQ(made.plan.settings.pool_tokens, kUsualPool + most / 256 * 256);
}

// What was promised to a running answer.
TEST(LongerContext, IsKeptWhenADeviceIsLostWhereAnotherHasRoom) {
  ReplicatedState state = state_with({example_facts(1, 300 * MB, 2e11)}, model_with_pool(100'000));
  add(state, planned(state));
  const uint32_t before = only(state).plan->made.plan.settings.context;
  add(state, NodeReported{example_facts(2, 260 * MB)});
  add(state, NodeLost{.node = example_id(1), .reason = "it is gone"});
  EXPECT_GE(planned(state).plan.settings.context, before);

  add(state, NodeReported{example_facts(2, 230 * MB)});
  const uint32_t fewer = planned(state).plan.settings.context;
  EXPECT_LT(fewer, before);
  EXPECT_GT(fewer, kUsualPool);
}

TEST(LongerContext, APlanIsNotBrokenByIt) {
  ReplicatedState state = state_with({example_facts(1, 300 * MB)}, model_with_pool(100'000));
  add(state, planned(state));
  EXPECT_EQ(broken_reason(view(state)), "");
  EXPECT_FALSE(plan_for(view(state), {.term = example_term(1)}));
}

}  // namespace
}  // namespace exogpu::cluster
