#include "pipeline/pacer.h"

#include <gtest/gtest.h>

namespace exogpu::pipeline {
namespace {

using std::chrono::milliseconds;

const ComputeInfo kInfo{.layers = {0, 4}, .model_layers = 8, .activation_width = 16};

struct Paced {
  Pacer pacer;
  Pacer::Time now{};

  void step(milliseconds took, size_t tokens = 1) {
    const Pacer::Time began = now;
    pacer.begin(began);
    now += took;
    pacer.end(kInfo, tokens, began, now);
  }
};

TEST(Pacer, StepsTakeTheShareOfTheTimeThatIsAllowed) {
  Pacer pacer;
  EXPECT_EQ(pacer.rest(milliseconds(30)), milliseconds(0));
  pacer.set({.pace = 0.25});
  EXPECT_EQ(pacer.rest(milliseconds(30)), milliseconds(90));
}

TEST(Pacer, CountsWhatWasComputedAndTheStepInProgress) {
  Paced device;
  device.step(milliseconds(100), 5);
  const Pacer::Time began = device.now;
  device.pacer.begin(began);
  device.now += milliseconds(300);
  DeviceWork work = device.pacer.take(device.now);
  EXPECT_DOUBLE_EQ(work.busy_s, 0.4);
  EXPECT_EQ(work.tokens, 5U);
  device.now += milliseconds(50);
  device.pacer.end(kInfo, 64, began, device.now);
  work = device.pacer.take(device.now + milliseconds(500));
  EXPECT_DOUBLE_EQ(work.busy_s, 0.05);
  EXPECT_EQ(work.tokens, 64U);
}

TEST(Pacer, StepsAtATimeCountOnce) {
  Paced device;
  device.pacer.begin(device.now);
  device.step(milliseconds(100));
  device.pacer.end(kInfo, 1, device.now - milliseconds(100), device.now);
  EXPECT_DOUBLE_EQ(device.pacer.take(device.now).busy_s, 0.1);
}

TEST(Pacer, TheRateIsThatOfTheSameStepsAtEase) {
  Paced device;
  EXPECT_FALSE(device.pacer.take(device.now).rate);
  for (int i = 0; i < 10; ++i) {
    device.step(milliseconds(20));
    device.step(milliseconds(200), 64);
  }
  EXPECT_DOUBLE_EQ(device.pacer.take(device.now).rate.value(), 1);
  device.pacer.set({.at_ease = false});
  for (int i = 0; i < 10; ++i) device.step(milliseconds(40));
  EXPECT_NEAR(device.pacer.take(device.now).rate.value(), 0.5, 1e-9) << "a device that throttles";
  for (int i = 0; i < 10; ++i) device.step(milliseconds(200), 64);
  EXPECT_NEAR(device.pacer.take(device.now).rate.value(), 1, 1e-9) << "other steps take longer";
  device.pacer.set({});
  for (int i = 0; i < 100; ++i) device.step(milliseconds(40));
  (void)device.pacer.take(device.now);
  device.step(milliseconds(40));
  EXPECT_NEAR(device.pacer.take(device.now).rate.value(), 1, 0.01) << "its context has grown";
}

}  // namespace
}  // namespace exogpu::pipeline
