#include "gpu/cpu_threads/occupancy.h"

#include <gtest/gtest.h>

namespace exogpu::gpu {
namespace {

using namespace std::chrono_literals;

class OccupancyTest : public ::testing::Test {
 protected:
  // `count` intervals of 100 ms.
  void observe(int count, double others, double waited = 0) {
    for (int i = 0; i < count; ++i) occupancy_.observe(now_ += 100ms, others, waited);
  }

  Occupancy occupancy_;
  Occupancy::Time now_{};
};

TEST_F(OccupancyTest, WithoutAnObservationAllCoresCompute) {
  EXPECT_EQ(occupancy_.best_threads(16, 16), 16U);
  EXPECT_EQ(occupancy_.best_threads(0, 0), 1U);
  EXPECT_EQ(occupancy_.best_threads(16, 2), 2U);
}

TEST_F(OccupancyTest, ProcessesOnCoresThatAQuotaForbidsAnywayHinderNobody) {
  observe(10, 4.1);
  EXPECT_EQ(occupancy_.best_threads(16, 2), 2U);
  observe(10, 15);
  EXPECT_EQ(occupancy_.best_threads(16, 2), 1U);
}

TEST_F(OccupancyTest, WhatTheSystemDoesNowAndThenTakesNoCore) {
  observe(20, 0.3);
  EXPECT_EQ(occupancy_.best_threads(2, 2), 2U);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 16U);
}

TEST_F(OccupancyTest, ProcessesThatComputeTakeTheirCores) {
  observe(10, 4.1);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 12U);
  EXPECT_EQ(occupancy_.best_threads(2, 2), 1U) << "at least one thread computes";
}

// Such a process gets half of the core that it shares with a thread of this process, which waits for the other half.
TEST_F(OccupancyTest, AProcessThatSharesACoreWithAThreadIsSeenInOneInterval) {
  observe(20, 0);
  observe(1, 0.5, 0.5);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 15U);
}

TEST_F(OccupancyTest, ALoadThatEndsIsForgottenWithinASecond) {
  observe(20, 4);
  observe(3, 0);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 12U) << "it may come back at once";
  observe(8, 0);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 16U);
}

// 16 threads at 70 % of the time are less than 15 always, 2 threads at 70 % more than one always.
TEST_F(OccupancyTest, ALoadThatComesAndGoesIsWeighed) {
  for (int i = 0; i < 5; ++i) {
    observe(1, 1);
    observe(3, 0);
  }
  EXPECT_EQ(occupancy_.best_threads(16, 16), 15U);
  EXPECT_EQ(occupancy_.best_threads(2, 2), 2U);
}

TEST_F(OccupancyTest, ThreadsThatWaitAreFewerAtOnce) {
  observe(20, 0);
  occupancy_.observe_waiting(16, 0.1);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 16U);
  occupancy_.observe_waiting(16, 2.0);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 12U);
  occupancy_.observe_waiting(12, 0.0);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 12U) << "until the machine is observed again";
  observe(1, 0);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 16U);
  occupancy_.observe_waiting(2, 5.0);
  EXPECT_EQ(occupancy_.best_threads(16, 16), 1U);
}

}  // namespace
}  // namespace exogpu::gpu
