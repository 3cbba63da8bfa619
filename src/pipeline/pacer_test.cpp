#include "pipeline/pacer.h"

#include <gtest/gtest.h>

namespace exogpu::pipeline {
namespace {

using std::chrono::milliseconds;

const ComputeInfo kInfo{.layers = {0, 4}, .model_layers = 8, .activation_width = 16};

struct Paced {
  Pacer pacer;
  ComputeInfo info = kInfo;
  Pacer::Time now{};

  void step(milliseconds took, size_t tokens = 1) {
    const Pacer::Time began = now;
    pacer.begin(began);
    now += took;
    pacer.end(info, {.tokens = tokens}, began, now);
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
  device.pacer.end(kInfo, {.tokens = 64}, began, device.now);
  work = device.pacer.take(device.now + milliseconds(500));
  EXPECT_DOUBLE_EQ(work.busy_s, 0.05);
  EXPECT_EQ(work.tokens, 64U);
}

TEST(Pacer, StepsAtATimeCountOnce) {
  Paced device;
  device.pacer.begin(device.now);
  device.step(milliseconds(100));
  device.pacer.end(kInfo, {.tokens = 1}, device.now - milliseconds(100), device.now);
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

wire::Step step_of(std::vector<wire::Span> spans) {
  wire::Step step;
  step.spans = std::move(spans);
  return step;
}

TEST(Pacer, TheSizeOfAStepIsThatOfItsSpans) {
  const StepSize size = size_of(step_of({{.sequence = wire::SeqId(0), .position = 100, .count = 1, .sample = true},
                                         {.sequence = wire::SeqId(1), .position = 0, .count = 9, .targets = {1, 2}}}));
  EXPECT_EQ(size.tokens, 10U);
  EXPECT_EQ(size.sequences, 2U);
  EXPECT_EQ(size.outputs, 3U);
  EXPECT_DOUBLE_EQ(size.context, 101 + 5) << "the fifth of nine attends to five";
  wire::Step failed = step_of({{.count = 4}}), replay = failed;
  failed.failure = Error{};
  EXPECT_EQ(size_of(failed).tokens, 0U);
  replay.replay = wire::StageRange{.begin = 1, .end = 2};
  EXPECT_EQ(size_of(replay).tokens, 0U);
}

TEST(Pacer, RecordsStepsOfADeviceThatIsAtEaseAndDoesNothingElse) {
  Paced device;
  device.info.content = "abc";
  device.step(milliseconds(100));
  EXPECT_TRUE(device.pacer.take_records().empty()) << "the first of its kind had to make ready";
  device.step(milliseconds(20));
  const std::vector<StepRecord> records = device.pacer.take_records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].content, "abc");
  EXPECT_EQ(records[0].layers, kInfo.layers);
  EXPECT_EQ(records[0].size.tokens, 1U);
  EXPECT_DOUBLE_EQ(records[0].took_s, 0.02);
  for (const PaceLimits& limits : {PaceLimits{.threads = 0.5}, PaceLimits{.pace = 0.9, .at_ease = false}}) {
    device.pacer.set(limits);
    device.step(milliseconds(20));
  }
  device.pacer.set({});
  device.pacer.begin(device.now);
  device.step(milliseconds(20));
  device.pacer.end(device.info, {.tokens = 1}, device.now - milliseconds(20), device.now);
  EXPECT_TRUE(device.pacer.take_records().empty());
  for (size_t i = 0; i < 2 * Pacer::kRecordsMax; ++i) device.step(milliseconds(20));
  EXPECT_EQ(device.pacer.take_records().size(), Pacer::kRecordsMax);
}

}  // namespace
}  // namespace exogpu::pipeline
