#include "telemetry/others_load.h"

#include <gtest/gtest.h>

namespace exogpu::telemetry {
namespace {

void pass(OthersLoad& load, double for_s, double utilization, double own = 0, double busy = 0) {
  for (double done = 0; done < for_s; done += 0.5) load.update(utilization, own, busy, 0.5);
}

TEST(OthersLoad, IsWhatThisProcessDoesNot) {
  OthersLoad load;
  EXPECT_FALSE(load.share());
  pass(load, 3600, 0.7, 0.1);
  EXPECT_NEAR(load.share().value(), 0.6, 0.01);
  pass(load, 3600, 0.05, 0.2);
  EXPECT_NEAR(load.share().value(), 0, 0.01);
}

TEST(OthersLoad, AShortBurstIsLittle) {
  OthersLoad load;
  pass(load, 600, 0);
  pass(load, 20, 1);
  EXPECT_LT(load.share().value(), 0.1);
}

TEST(OthersLoad, NothingIsLearntWhileShardsCompute) {
  OthersLoad load;
  pass(load, 3600, 0.5);
  pass(load, 3600, 1, 0.3, 0.6);
  EXPECT_NEAR(load.share().value(), 0.5, 0.01);
}

TEST(OthersLoad, ADeviceWithoutASensorSaysNothing) {
  OthersLoad load;
  load.update(std::nullopt, 0, 0, 0.5);
  EXPECT_FALSE(load.share());
}

}  // namespace
}  // namespace exogpu::telemetry
