#include "engine/residency/residency.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"

namespace exogpu::engine {
namespace {

std::vector<uint32_t> streamed(const Residency& r) {
  std::vector<uint32_t> layers;
  for (uint32_t i = 0; i < r.slot_of.size(); ++i)
    if (r.streams(i)) layers.push_back(i);
  return layers;
}

ResidencyQuestion equal_layers(Bytes budget, uint32_t layers = 32) {
  return {.budget = budget, .always = 100, .layers = std::vector<std::vector<Bytes>>(layers, {10, 0})};
}

TEST(Residency, NothingStreamsWhereAllFits) {
  const auto r = choose_residency(equal_layers(420));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->streamed(), 0U);
  EXPECT_EQ(r->slots, 0U);
  EXPECT_EQ(r->bytes, 420U);
}

TEST(Residency, OneByteTooFewMakesTwoLayersShareASlot) {
  const auto r = choose_residency(equal_layers(419));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->streamed(), 2U);
  EXPECT_EQ(r->slots, 1U);
  EXPECT_EQ(r->bytes, 410U);
}

TEST(Residency, HalfOfTheLayersStreamThroughTwoSlotsAtEqualDistances) {
  const auto r = choose_residency(equal_layers(260));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->slots, 2U);
  EXPECT_EQ(r->bytes, 260U);
  const auto layers = streamed(*r);
  ASSERT_EQ(layers.size(), 18U) << "16 places, of which two are slots";
  for (size_t i = 1; i < layers.size(); ++i) {
    EXPECT_LE(layers[i] - layers[i - 1], 2U);
    EXPECT_NE(r->slot_of[layers[i]], r->slot_of[layers[i - 1]]) << "neighbours have different slots";
  }
}

TEST(Residency, ASlotHoldsTheLargestOfItsLayersInEachKindOfMemory) {
  ResidencyQuestion q = equal_layers(126, 4);
  q.layers[1] = {2, 15};
  const auto r = choose_residency(q);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->streamed(), 4U);
  EXPECT_EQ(r->slots, 1U);
  EXPECT_EQ(r->bytes, 125U);
}

TEST(Residency, ABudgetWithoutRoomForALayerIsRefusedWithTheLeast) {
  exogpu::testing::expect_error(choose_residency(equal_layers(109)), ErrorCode::out_of_memory, "at least 110 B");
  EXPECT_TRUE(choose_residency(equal_layers(110)));
}

}  // namespace
}  // namespace exogpu::engine
