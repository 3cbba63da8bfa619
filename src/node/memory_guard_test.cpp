#include "node/memory_guard.h"

#include <gtest/gtest.h>

namespace exogpu::node {
namespace {

using wire::MemoryCondition;
using wire::MemoryPressure;
using namespace std::chrono_literals;

// Of 4 GiB, of which 256 MiB are left to others.
gpu::MemoryReading reading(Bytes free, Bytes own = 2 * GiB) {
  return {.memory = {.total = 4 * GiB, .free = free}, .own = own, .group_stalled_s = {}, .machine_stalled_s = {}};
}

class MemoryFilterTest : public ::testing::Test {
 protected:
  // Before anything is loaded.
  MemoryFilterTest() { filter_.update(reading(3 * GiB, 0), now_); }
  MemoryCondition after(cluster::Duration time, const gpu::MemoryReading& read) {
    now_ += time;
    return filter_.update(read, now_);
  }
  MemoryFilter filter_{3 * GiB};
  cluster::Time now_{};
};

TEST_F(MemoryFilterTest, GivesUpNothingWhileMemoryIsFree) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(after(500ms, reading(300 * MiB)), MemoryCondition());
  EXPECT_EQ(after(500ms, reading(130 * MiB)), MemoryCondition());
}

TEST_F(MemoryFilterTest, WithoutReadingsNothingIsGivenUp) { EXPECT_EQ(after(1s, {}), MemoryCondition()); }

TEST_F(MemoryFilterTest, GivesUpSpareWeightsThenCachedSequencesThenLayers) {
  EXPECT_EQ(after(500ms, reading(120 * MiB)).pressure, MemoryPressure::spare);
  EXPECT_EQ(after(1500ms, reading(120 * MiB)).pressure, MemoryPressure::spare);
  EXPECT_EQ(after(500ms, reading(120 * MiB)).pressure, MemoryPressure::cached);
  EXPECT_FALSE(filter_.condition().bytes_max);
  const MemoryCondition asked = after(2s, reading(120 * MiB));
  EXPECT_EQ(asked.pressure, MemoryPressure::layers);
  // 2 GiB + 120 MiB - 256 MiB, rounded down to 64 MiB.
  EXPECT_EQ(asked.bytes_max, 1856 * MiB);
  EXPECT_EQ(after(14s, reading(60 * MiB)).bytes_max, 1856 * MiB) << "a plan takes its time";
  EXPECT_EQ(after(1s, reading(60 * MiB, 1500 * MiB)).bytes_max, 1280 * MiB);
}

TEST_F(MemoryFilterTest, ANodeWhoseDevicesHaveMemoryOfTheirOwnAsksForNothing) {
  MemoryFilter filter(0);
  for (int i = 0; i < 10; ++i) filter.update(reading(20 * MiB), now_ += 3s);
  EXPECT_EQ(filter.condition(), (MemoryCondition{.pressure = MemoryPressure::layers}));
}

TEST_F(MemoryFilterTest, WhatHelpsIsEnough) {
  EXPECT_EQ(after(500ms, reading(120 * MiB)).pressure, MemoryPressure::spare);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(after(500ms, reading(200 * MiB)).pressure, MemoryPressure::spare);
}

TEST_F(MemoryFilterTest, WaitsForNothingWhenAlmostNoMemoryIsLeft) {
  after(500ms, reading(20 * MiB));
  after(500ms, reading(20 * MiB));
  EXPECT_EQ(after(500ms, reading(20 * MiB)).pressure, MemoryPressure::layers);
}

TEST_F(MemoryFilterTest, RecoversStepByStep) {
  for (int i = 0; i < 3; ++i) after(500ms, reading(20 * MiB));
  EXPECT_EQ(after(500ms, reading(1 * GiB, 1 * GiB)).pressure, MemoryPressure::layers);
  EXPECT_EQ(after(59s, reading(1 * GiB, 1 * GiB)).pressure, MemoryPressure::layers);
  const MemoryCondition better = after(1s, reading(2 * GiB, 1 * GiB));
  EXPECT_EQ(better.pressure, MemoryPressure::cached);
  EXPECT_EQ(better.bytes_max, 3 * GiB - 256 * MiB) << "what is free can be planned with again";
  EXPECT_EQ(after(60s, reading(3 * GiB, 1 * GiB)), (MemoryCondition{.pressure = MemoryPressure::spare}));
  EXPECT_EQ(after(60s, reading(3 * GiB, 1 * GiB)), MemoryCondition());
}

TEST_F(MemoryFilterTest, ARelapseBeginsTheRecoveryAgain) {
  after(500ms, reading(120 * MiB));
  after(1s, reading(1 * GiB));
  after(59s, reading(200 * MiB));
  EXPECT_EQ(after(2s, reading(1 * GiB)).pressure, MemoryPressure::spare);
  EXPECT_EQ(after(60s, reading(1 * GiB)).pressure, MemoryPressure::none);
}

TEST_F(MemoryFilterTest, TasksThatWaitForMemoryShowPressureEarlier) {
  gpu::MemoryReading waits = reading(400 * MiB);
  waits.machine_stalled_s = 10;
  after(500ms, waits);
  waits.machine_stalled_s = 10.04;
  EXPECT_EQ(after(500ms, waits).pressure, MemoryPressure::none) << "8 % of the time";
  waits.machine_stalled_s = 10.1;
  EXPECT_EQ(after(500ms, waits).pressure, MemoryPressure::spare);
}

TEST_F(MemoryFilterTest, TasksOfOthersThatWaitBesideMuchFreeMemoryDoNot) {
  gpu::MemoryReading waits = reading(3 * GiB);
  for (double seconds = 0; seconds < 10; ++seconds) {
    waits.machine_stalled_s = seconds;
    EXPECT_EQ(after(1s, waits).pressure, MemoryPressure::none);
  }
}

// The weights that a process reads from their file are free memory, and it waits for them again and again.
TEST_F(MemoryFilterTest, FilesThatThisProcessReadsAreNotMemoryToSpare) {
  gpu::MemoryReading waits = reading(2 * GiB);
  waits.mapped = 1900 * MiB;
  waits.group_stalled_s = 0;
  EXPECT_EQ(after(1s, waits).pressure, MemoryPressure::none);
  waits.group_stalled_s = 0.2;
  EXPECT_EQ(after(1s, waits).pressure, MemoryPressure::spare);
}

TEST_F(MemoryFilterTest, TheLimitsOfAControlGroupShowPressure) {
  MemoryFilter filter(3 * GiB);
  gpu::MemoryReading limited = reading(300 * MiB);
  limited.limit_hits = 7;
  EXPECT_EQ(filter.update(limited, now_ += 1s).pressure, MemoryPressure::none) << "of a time before this process";
  limited.limit_hits = 8;
  EXPECT_EQ(filter.update(limited, now_ += 1s).pressure, MemoryPressure::spare);
  limited.kills = 1;
  EXPECT_EQ(filter.update(limited, now_ += 100ms).pressure, MemoryPressure::cached);
}

TEST(MemoryGuardTest, SaysWhatIsGivenUpAndWhenThatChanges) {
  MemoryGuard guard(3 * GiB);
  const cluster::Time start{};
  EXPECT_FALSE(guard.update(reading(1 * GiB), start));
  EXPECT_TRUE(guard.update(reading(100 * MiB), start + 500ms));
  EXPECT_EQ(guard.condition().pressure, MemoryPressure::spare);
  EXPECT_EQ(guard.text(), "100 MiB of 4.00 GiB of memory are free: spare weights are given up");
}

}  // namespace
}  // namespace exogpu::node
