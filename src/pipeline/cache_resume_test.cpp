#include "pipeline/cache_resume.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace exogpu::pipeline {
namespace {

using wire::StageRange;

// A stage for each: the node's number, and where its layers end.
wire::StagePlan plan_of(const std::vector<std::pair<uint8_t, uint32_t>>& stages) {
  wire::StagePlan plan;
  plan.epoch = wire::PlanEpoch(1);
  plan.content = "c";
  uint32_t begin = 0;
  for (const auto& [number, end] : stages) {
    std::array<uint8_t, wire::kKeyHashBytes> id{};
    id.fill(number);
    plan.stages.push_back({.device = {.node = wire::NodeId(id), .device = "cpu"}, .layers = {begin, end}});
    begin = end;
  }
  return plan;
}

TEST(FreshStages, AreThoseBetweenWhatIsTheSame) {
  const auto before = plan_of({{1, 4}, {2, 8}, {3, 12}});
  const auto fresh = [&](const std::vector<std::pair<uint8_t, uint32_t>>& next) {
    return fresh_stages(before, plan_of(next));
  };
  EXPECT_EQ(fresh({{1, 4}, {4, 8}, {3, 12}}), (StageRange{1, 2}));          // another device
  EXPECT_EQ(fresh({{1, 4}, {3, 12}}), (StageRange{1, 2}));                  // the last takes the lost run, too
  EXPECT_EQ(fresh({{1, 8}, {3, 12}}), (StageRange{0, 1}));                  // the first does
  EXPECT_EQ(fresh({{1, 4}, {4, 6}, {5, 8}, {3, 12}}), (StageRange{1, 3}));  // two do
  EXPECT_EQ(fresh({{1, 4}, {2, 8}, {3, 12}}), (StageRange{3, 3}));          // nothing was lost
  EXPECT_EQ(fresh({{1, 4}, {2, 8}, {4, 12}}), (StageRange{2, 3}));
  EXPECT_EQ(fresh({{4, 4}, {2, 8}, {3, 12}}), (StageRange{0, 1}));
  EXPECT_EQ(fresh({{1, 5}, {2, 8}, {3, 11}, {4, 12}}), std::nullopt);  // all is cut elsewhere
  EXPECT_EQ(fresh({{1, 12}}), std::nullopt);
}

TEST(FreshStages, WithOtherSettingsNothingIsTheSame) {
  const auto before = plan_of({{1, 4}, {2, 8}});
  auto next = before;
  next.epoch = wire::PlanEpoch(2);
  next.model = "another name";
  next.step_cost_tokens = 9;
  EXPECT_TRUE(fresh_stages(before, next));
  for (const auto change :
       {+[](wire::StagePlan& plan) { plan.content = "d"; }, +[](wire::StagePlan& plan) { plan.settings.context = 7; },
        +[](wire::StagePlan& plan) { plan.settings.sequences = 7; },
        +[](wire::StagePlan& plan) { plan.settings.kv_type = wire::KvType::q8_0; },
        +[](wire::StagePlan& plan) { plan.settings.activations = wire::Dtype::f16; }}) {
    auto other = next;
    change(other);
    EXPECT_EQ(fresh_stages(before, other), std::nullopt);
  }
}

}  // namespace
}  // namespace exogpu::pipeline
