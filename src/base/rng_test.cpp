#include "base/rng.h"

#include <gtest/gtest.h>

#include <set>

namespace exogpu {
namespace {

// The test vectors published with the generator (Random123, philox4x32 with 10 rounds).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomBits, DependOnAllOfSeedAndPosition) {
  std::set<uint64_t> values;
  for (int bit = 0; bit < 64; ++bit) {
    values.insert(random_bits(uint64_t{1} << bit, 0));
    values.insert(random_bits(0, uint64_t{1} << bit));
  }
  EXPECT_EQ(values.size(), 128U);
  static_assert(random_bits(0, 0) == 0xe169c58d6627e8d5);
}

TEST(RandomUnit, IsUniformInTheUnitInterval) {
  constexpr int kDraws = 100000, kBins = 20;
  std::array<int, kBins> bins{};
  for (int i = 0; i < kDraws; ++i) {
    const double u = random_unit(42, static_cast<uint64_t>(i));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++bins[static_cast<size_t>(u * kBins)];
  }
  constexpr double kExpected = double{kDraws} / kBins;
  double chi_squared = 0;
  for (const int n : bins) chi_squared += (n - kExpected) * (n - kExpected) / kExpected;
  EXPECT_LT(chi_squared, 43.8);  // 19 degrees of freedom, p = 0.001
}

}  // namespace
}  // namespace exogpu
