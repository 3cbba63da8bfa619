#include "engine/batch_plan.h"

#include <gtest/gtest.h>

namespace exogpu::engine {
namespace {

constexpr BatchLimits limits = {.tokens = 64, .outputs = 8, .context = 1000};

std::vector<wire::Region> regions_of(uint32_t rows) {
  std::vector<wire::Region> regions;
  for (uint32_t i = 0; i < 8; ++i) regions.push_back({.begin = i * rows, .rows = rows});
  return regions;
}

TEST(BatchPlan, NeighboursWithEqualCountsAreOneGroup) {
  std::vector<uint32_t> lengths = {10, 300, 5, 0, 0, 0, 0, 0};
  std::vector<SequenceTokens> batch = {
      {wire::SeqId(0), 10, 1, 1}, {wire::SeqId(1), 300, 1, 1}, {wire::SeqId(2), 5, 1, 1}, {wire::SeqId(4), 0, 7, 1}};
  BatchPlan plan;
  ASSERT_TRUE(plan_batch(batch, lengths, regions_of(1024), limits, plan));
  ASSERT_EQ(plan.shape.groups.size(), 2U);
  EXPECT_EQ(plan.shape.groups[0], (SlotGroup{.first_row = 0, .stride = 1024, .slots = 3, .tokens = 1, .rows = 512}));
  EXPECT_EQ(plan.shape.groups[1], (SlotGroup{.first_row = 4096, .slots = 1, .tokens = 7, .rows = 256}));
  EXPECT_EQ(plan.shape.tokens, 10U);
  EXPECT_EQ(plan.output_rows, (std::vector<int32_t>{0, 1, 2, 9}));
  EXPECT_EQ(plan.cache_rows[1], 1024 + 300);
  EXPECT_EQ(plan.positions[3], 0);
  EXPECT_EQ(plan.positions[9], 6);
}

TEST(BatchPlan, OnlyNeighbouringRegionsOfEqualSizeAreOneGroup) {
  const std::vector<uint32_t> lengths(8, 200);
  std::vector<wire::Region> regions(8);
  regions[3] = {.begin = 512, .rows = 256};
  regions[1] = {.begin = 768, .rows = 256};
  regions[0] = {.begin = 1024, .rows = 512};
  regions[2] = {.begin = 0, .rows = 256};
  std::vector<SequenceTokens> batch;
  for (const uint32_t i : {2U, 3U, 1U, 0U}) batch.push_back({wire::SeqId(i), 200, 1, 1});
  BatchPlan plan;
  ASSERT_TRUE(plan_batch(batch, lengths, regions, limits, plan));
  ASSERT_EQ(plan.shape.groups.size(), 3U);
  EXPECT_EQ(plan.shape.groups[1],
            (SlotGroup{.first_row = 512, .stride = 256, .slots = 2, .tokens = 1, .rows = 256, .first_state = 0}));
  EXPECT_EQ(plan.cache_rows, (std::vector<int64_t>{200, 712, 968, 1224}));
  BatchLimits with_states = limits;
  with_states.has_states = true;
  ASSERT_TRUE(plan_batch(batch, lengths, regions, with_states, plan));
  ASSERT_EQ(plan.shape.groups.size(), 4U) << "states 3 and 1 are no neighbours";
  EXPECT_EQ(plan.shape.groups[3].first_state, 0U);
  EXPECT_EQ(plan.shape.groups[1].first_state, 3U);
}

TEST(BatchPlan, ASequenceHasNoMoreTokensThanRows) {
  const std::vector<uint32_t> lengths(8, 250);
  const std::vector<SequenceTokens> batch = {{wire::SeqId(0), 250, 7, 0}};
  BatchPlan plan;
  const auto planned = plan_batch(batch, lengths, regions_of(256), limits, plan);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().message, "sequence 0 would hold 257 tokens, and has 256 rows of the KV cache");
}

TEST(BatchPlan, RowsNeverPassTheRegion) {
  BatchLimits small = limits;
  small.context = 200;
  std::vector<uint32_t> lengths(8, 199);
  std::vector<SequenceTokens> batch = {{wire::SeqId(0), 199, 1, 0}};
  BatchPlan plan;
  ASSERT_TRUE(plan_batch(batch, lengths, regions_of(256), small, plan));
  EXPECT_EQ(plan.shape.groups[0].rows, 256U);
}

TEST(BatchPlan, TheSameSequenceTwiceIsRefused) {
  std::vector<uint32_t> lengths(8, 0);
  std::vector<SequenceTokens> batch = {{wire::SeqId(0), 0, 1, 0}, {wire::SeqId(0), 0, 1, 0}};
  BatchPlan plan;
  EXPECT_FALSE(plan_batch(batch, lengths, regions_of(1024), limits, plan));
}

TEST(Mask, ShowsThePastAndTheWindow) {
  SlotGroup group = {.slots = 1, .tokens = 3, .rows = 8};
  std::vector<int32_t> positions = {2, 3, 4};
  std::vector<uint16_t> mask(24);
  fill_mask(group, positions, {}, true, mask);
  for (uint32_t t = 0; t < 3; ++t)
    for (uint32_t row = 0; row < 8; ++row) EXPECT_EQ(mask[t * 8 + row] == 0, row <= t + 2);
  fill_mask(group, positions, {.window = 2}, true, mask);
  for (uint32_t t = 0; t < 3; ++t)
    for (uint32_t row = 0; row < 8; ++row) EXPECT_EQ(mask[t * 8 + row] == 0, row <= t + 2 && row + 2 > t + 2);
}

}  // namespace
}  // namespace exogpu::engine
