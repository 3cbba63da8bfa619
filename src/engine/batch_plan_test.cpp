#include "engine/batch_plan.h"

#include <gtest/gtest.h>

namespace exogpu::engine {
namespace {

constexpr BatchLimits limits = {.tokens = 64, .outputs = 8, .context = 1000, .slot_rows = 1024, .sequences = 8};

TEST(BatchPlan, NeighboursWithEqualCountsAreOneGroup) {
  std::vector<uint32_t> lengths = {10, 300, 5, 0, 0, 0, 0, 0};
  std::vector<SequenceTokens> batch = {
      {wire::SeqId(0), 10, 1, 1}, {wire::SeqId(1), 300, 1, 1}, {wire::SeqId(2), 5, 1, 1}, {wire::SeqId(4), 0, 7, 1}};
  BatchPlan plan;
  ASSERT_TRUE(plan_batch(batch, lengths, limits, plan));
  ASSERT_EQ(plan.shape.groups.size(), 2U);
  EXPECT_EQ(plan.shape.groups[0], (SlotGroup{0, 3, 1, 512}));
  EXPECT_EQ(plan.shape.groups[1], (SlotGroup{4, 1, 7, 256}));
  EXPECT_EQ(plan.shape.tokens, 10U);
  EXPECT_EQ(plan.output_rows, (std::vector<int32_t>{0, 1, 2, 9}));
  EXPECT_EQ(plan.cache_rows[1], 1024 + 300);
  EXPECT_EQ(plan.positions[3], 0);
  EXPECT_EQ(plan.positions[9], 6);
}

TEST(BatchPlan, RowsNeverPassTheSlot) {
  BatchLimits small = limits;
  small.slot_rows = 256;
  small.context = 200;
  std::vector<uint32_t> lengths(8, 199);
  std::vector<SequenceTokens> batch = {{wire::SeqId(0), 199, 1, 0}};
  BatchPlan plan;
  ASSERT_TRUE(plan_batch(batch, lengths, small, plan));
  EXPECT_EQ(plan.shape.groups[0].rows, 256U);
}

TEST(BatchPlan, TheSameSequenceTwiceIsRefused) {
  std::vector<uint32_t> lengths(8, 0);
  std::vector<SequenceTokens> batch = {{wire::SeqId(0), 0, 1, 0}, {wire::SeqId(0), 0, 1, 0}};
  BatchPlan plan;
  EXPECT_FALSE(plan_batch(batch, lengths, limits, plan));
}

TEST(Mask, ShowsThePastAndTheWindow) {
  SlotGroup group = {0, 1, 3, 8};
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
