#include "cli/arguments/quantity.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, DurationsAreReadWithTheirUnits) {
  EXPECT_EQ(parse_duration("45s", "--expires").value(), 45s);
  EXPECT_EQ(parse_duration("30min", "--expires").value(), 30min);
  EXPECT_EQ(parse_duration("1.5h", "--expires").value(), 90min);
  EXPECT_EQ(parse_duration("90d", "--expires").value(), std::chrono::days(90));
  EXPECT_EQ(parse_duration("2w", "--expires").value(), std::chrono::days(14));
  for (const char* bad : {"", "90", "d", "-1d", "1y", "0s", "90 d", "1e300d", "nand", "99999w"}) {
    const auto read = parse_duration(bad, "--expires");
    ASSERT_FALSE(read) << bad;
    EXPECT_TRUE(read.error().message.starts_with("--expires ")) << read.error().message;
  }
}

TEST(Quantity, NumbersForEachUnit) {
  EXPECT_EQ(parse_per("60/min", "min", "--rate").value(), 60U);
  EXPECT_EQ(parse_per("60", "min", "--rate").value(), 60U);
  EXPECT_EQ(parse_per("1M/day", "day", "--tokens").value(), 1'000'000U);
  EXPECT_EQ(parse_per("1.5k/day", "day", "--tokens").value(), 1500U);
  for (const char* bad : {"", "/min", "60/day", "0", "-1", "60/", "1G/min", "inf", "1e300"}) {
    EXPECT_FALSE(parse_per(bad, "min", "--rate")) << bad;
  }
}

}  // namespace
}  // namespace exogpu::cli
