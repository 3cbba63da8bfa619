#include "wire/owner_limits.h"

#include <gtest/gtest.h>

#include <limits>

#include "proto/cluster.pb.h"
#include "wire/cluster_coding.h"

namespace exogpu::wire {
namespace {

const OwnerLimits kAll{.temperature_max_c = 80,
                       .power_max_w = 120,
                       .quiet_hours = DayHours{.from = 22, .to = 7},
                       .shared_hours = DayHours{.from = 8, .to = 20},
                       .battery_floor_percent = 40,
                       .memory_max = 8 * GiB};

TEST(OwnerLimits, ComeBackAsTheyWere) {
  for (const OwnerLimits& limits : {OwnerLimits(), kAll}) {
    proto::OwnerLimits raw;
    put(raw, limits);
    EXPECT_EQ(limits_of(raw).value(), limits);
  }
}

TEST(OwnerLimits, AChangeLeavesTheOthers) {
  const OwnerLimits warmer = changed(kAll, {.set = {.temperature_max_c = 90}, .lifted = {Limit::power}});
  EXPECT_EQ(warmer.temperature_max_c, 90);
  EXPECT_EQ(warmer.power_max_w, std::nullopt);
  EXPECT_EQ(warmer.quiet_hours, kAll.quiet_hours);
  EXPECT_EQ(changed({}, {.set = kAll}), kAll);
  LimitChanges none;
  for (size_t i = 0; i <= static_cast<size_t>(kLimitLast); ++i) none.lifted.push_back(static_cast<Limit>(i));
  EXPECT_EQ(changed(kAll, none), OwnerLimits());
}

TEST(OwnerLimits, WhatIsOutOfRangeIsNamedWithWhatToGive) {
  const auto refused = [](const OwnerLimits& limits) {
    const auto sound = check(limits);
    return sound ? std::string() : sound.error().message;
  };
  EXPECT_EQ(refused(kAll), "");
  EXPECT_EQ(refused({.temperature_max_c = 20}), "a temperature of 20 °C: give 30 to 150 °C");
  EXPECT_NE(refused({.temperature_max_c = std::numeric_limits<double>::quiet_NaN()}), "");
  EXPECT_EQ(refused({.power_max_w = 0}), "a power of 0 W: give 1 to 100000 W");
  EXPECT_EQ(refused({.quiet_hours = DayHours{.from = 22, .to = 24}}),
            "quiet hours from 22 to 24: give hours of the day, 0 to 23");
  EXPECT_NE(refused({.shared_hours = DayHours{.from = 30, .to = 2}}), "");
  EXPECT_EQ(refused({.battery_floor_percent = 0}), "a battery floor of 0 %: give 1 to 100 %");
  EXPECT_EQ(refused({.memory_max = 5}), "5 B of memory: give 1.00 MiB or more");
}

TEST(OwnerLimits, AreToldInWords) {
  EXPECT_EQ(limits_text({}), "none");
  EXPECT_EQ(limits_text(kAll),
            "at most 80 °C, at most 120 W, quiet from 22 to 7 o'clock, shared from 8 to 20 o'clock, no longer below "
            "40 % of the battery, at most 8.00 GiB of each device");
  EXPECT_EQ(limits_text({.battery_floor_percent = 100}), "only on mains power");
}

}  // namespace
}  // namespace exogpu::wire
