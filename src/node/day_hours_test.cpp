#include "node/day_hours.h"

#include <gtest/gtest.h>

namespace exogpu::node {
namespace {

TEST(DayHours, OfANightAndOfADay) {
  const DayHours night = parse_day_hours("22-7").value();
  EXPECT_EQ(night, (DayHours{.from = 22, .to = 7}));
  for (const uint32_t hour : {22U, 23U, 0U, 6U}) EXPECT_TRUE(contains(night, hour)) << hour;
  for (const uint32_t hour : {7U, 12U, 21U}) EXPECT_FALSE(contains(night, hour)) << hour;
  const DayHours day = parse_day_hours("08-17").value();
  EXPECT_TRUE(contains(day, 8) && contains(day, 16));
  EXPECT_FALSE(contains(day, 17) || contains(day, 0));
  EXPECT_TRUE(contains(parse_day_hours("5-5").value(), 4)) << "all day";
}

TEST(DayHours, WhatIsNoHourIsNamed) {
  for (const char* text : {"", "22", "22-", "-7", "22-24", "22-7x", "22:00-7:00", "a-b"}) {
    const auto hours = parse_day_hours(text);
    ASSERT_FALSE(hours) << text;
    EXPECT_EQ(hours.error().message,
              std::format("\"{}\" are no hours: give the first and the one behind the last, as 22-7", text));
  }
}

}  // namespace
}  // namespace exogpu::node
