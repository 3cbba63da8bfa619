#include "pipeline/trip_times.h"

#include <gtest/gtest.h>

namespace exogpu::pipeline {
namespace {

using std::chrono::milliseconds;

constexpr TripTimes::Time kStart{};

TEST(TripTimes, AreWhatStagesDoNotCompute) {
  TripTimes trips;
  trips.begun(1, kStart);
  trips.done({2000, 3000}, kStart + milliseconds(9));
  const auto records = trips.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].tokens, 1U);
  EXPECT_DOUBLE_EQ(records[0].between_s, 0.004);
  EXPECT_TRUE(trips.take().empty());
}

TEST(TripTimes, StepsThatAreNotAloneDoNotCount) {
  TripTimes trips;
  trips.begun(1, kStart);
  trips.begun(1, kStart + milliseconds(1));
  trips.done({1, 1}, kStart + milliseconds(2));
  trips.done({1, 1}, kStart + milliseconds(3));
  EXPECT_TRUE(trips.take().empty());
  trips.begun(4, kStart + milliseconds(4));
  trips.done({1, 1}, kStart + milliseconds(5));
  EXPECT_EQ(trips.take().size(), 1U);
}

TEST(TripTimes, ARingOfOneStageHasNone) {
  TripTimes trips;
  trips.begun(1, kStart);
  trips.done({10}, kStart + milliseconds(1));
  trips.begun(0, kStart);
  trips.done({1, 1}, kStart + milliseconds(1));
  EXPECT_TRUE(trips.take().empty()) << "nor does a step without tokens count";
}

TEST(TripTimes, AreBounded) {
  TripTimes trips;
  for (size_t i = 0; i < 2 * TripTimes::kRecordsMax; ++i) {
    trips.begun(1, kStart);
    trips.done({1, 1}, kStart + milliseconds(1));
  }
  EXPECT_EQ(trips.take().size(), TripTimes::kRecordsMax);
}

}  // namespace
}  // namespace exogpu::pipeline
