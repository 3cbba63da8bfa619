#include "engine/residency/policy.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace exogpu::engine {
namespace {

// Layers 0 to n-1, again and again.
std::vector<uint32_t> circle(uint32_t n, uint32_t rounds) {
  std::vector<uint32_t> trace;
  for (uint32_t i = 0; i < n * rounds; ++i) trace.push_back(i % n);
  return trace;
}

// Each use one of `n`, the first ones more often.
std::vector<uint32_t> skewed(uint32_t n, size_t uses) {
  std::mt19937 random(7);
  std::geometric_distribution<uint32_t> pick(0.1);
  std::vector<uint32_t> trace;
  while (trace.size() < uses)
    if (const uint32_t unit = pick(random); unit < n) trace.push_back(unit);
  return trace;
}

TEST(ResidencyPolicy, TheLeastRecentOneMakesRoom) {
  const auto policy = least_recent(2);
  const std::vector<uint32_t> trace = {1, 2, 1, 3, 1, 2};
  const std::vector<bool> expected = {false, false, true, false, true, false};
  for (size_t i = 0; i < trace.size(); ++i) EXPECT_EQ(policy->use(trace[i]), expected[i]) << i;
}

TEST(ResidencyPolicy, InACircleRecencyFindsNothingAndPinningAllButOne) {
  const auto trace = circle(10, 100);
  EXPECT_EQ(hits(*least_recent(9), trace), 0U);
  EXPECT_EQ(hits(*pinned_circle(6, 10, 1), trace), 5U * 99);
  EXPECT_EQ(hits(*pinned_circle(6, 10, 2), trace), 4U * 99);
  EXPECT_EQ(hits(*pinned_circle(10, 10, 1), trace), 10U * 99) << "all stay";
}

TEST(ResidencyPolicy, NoneHasMoreHitsThanTheBound) {
  for (const auto& trace : {circle(10, 50), skewed(40, 2000)}) {
    for (const uint32_t capacity : {3U, 6U, 9U}) {
      const uint64_t bound = hits(*farthest(capacity, trace), trace);
      EXPECT_LE(hits(*least_recent(capacity), trace), bound);
      EXPECT_LE(hits(*pinned_circle(capacity, 40, 1), trace), bound);
      EXPECT_LE(hits(*frequent(capacity, 40, 100), trace), bound);
    }
  }
}

// (C - 1) / N of the uses, where the bound is (C - 1) / (N - 1).
TEST(ResidencyPolicy, PinningAllButOneIsNextToTheBoundOfACircle) {
  const auto trace = circle(40, 1000);
  const auto bound = static_cast<double>(hits(*farthest(20, trace), trace));
  EXPECT_NEAR(bound / static_cast<double>(trace.size()), 19.0 / 39, 0.001);
  EXPECT_GT(static_cast<double>(hits(*pinned_circle(20, 40, 1), trace)), 0.97 * bound);
}

TEST(ResidencyPolicy, FrequencyKeepsWhatOneUseOfOthersWouldDrive) {
  std::vector<uint32_t> trace;
  for (uint32_t i = 0; i < 300; ++i) trace.insert(trace.end(), {0, 1, 2 + i % 20, 2 + (i + 7) % 20});
  EXPECT_GT(hits(*frequent(3, 22, 50), trace), 500U) << "0 and 1 stay";
  EXPECT_LT(hits(*least_recent(3), trace), 100U);
}

TEST(ResidencyPolicy, FrequencyForgets) {
  std::vector<uint32_t> trace(100, 0);
  trace.insert(trace.end(), 100, 1);
  for (int i = 0; i < 20; ++i) trace.insert(trace.end(), {1, 2});
  EXPECT_GE(hits(*frequent(2, 3, 10), trace), 99U + 99 + 39);
}

}  // namespace
}  // namespace exogpu::engine
