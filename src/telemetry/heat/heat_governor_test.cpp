#include "telemetry/heat/heat_governor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/testing/source_dir.h"
#include "telemetry/testing/governed_run.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::milliseconds;
using testing::HeatedDevice;
using testing::HeatTrace;
using testing::RunSettings;
using testing::SensorFault;
using wire::HeatAction;

HeatTrace named_trace(const std::string& name) {
  return testing::read_trace(exogpu::testing::source_dir() / "tests/traces" / (name + ".txt")).value();
}

std::vector<HeatTrace> all_traces() {
  std::vector<HeatTrace> out;
  for (const auto& file : std::filesystem::directory_iterator(exogpu::testing::source_dir() / "tests/traces")) {
    if (file.path().extension() == ".txt") out.push_back(testing::read_trace(file.path()).value());
  }
  return out;
}

TEST(HeatGovernor, NoDeviceComesNearItsLimitAndNoneComputesLess) {
  for (const HeatTrace& each : all_traces()) {
    const double without = run(each, {.governed = false}).tokens;
    for (const bool knows_power : {true, false}) {
      const auto with = run(each, {.seed = 3, .knows_power = knows_power});
      EXPECT_LE(with.hottest_c, each.limit_c - 1) << each.name;
      EXPECT_GE(with.tokens, 0.9 * without) << each.name << ", power " << knows_power;
      EXPECT_LE(with.action_changes, 40U) << each.name << ": its action alternates";
    }
  }
}

TEST(HeatGovernor, ADeviceWhoseHardwareThrottlesBadlyComputesMore) {
  for (const char* name : {"gpu-poor-airflow", "galaxy-s24-ultra"}) {
    const HeatTrace each = named_trace(name);
    const auto without = run(each, {.governed = false}), with = run(each, {});
    EXPECT_GE(with.tokens, 1.3 * without.tokens) << name;
    EXPECT_LT(with.throttled_s, without.throttled_s / 3) << name;
  }
}

TEST(HeatGovernor, TheOwnersLimitsHold) {
  const HeatTrace gpu = named_trace("gpu-poor-airflow");
  RunSettings settings;
  settings.limits.temperature_max_c = 75;
  EXPECT_LE(run(gpu, settings).hottest_c, 75.5);
  settings.limits = {.temperature_max_c = {}, .power_max_w = 150};
  settings.watch = [](double at_s, const HeatedDevice& device, const HeatDecision&) {
    EXPECT_LE(device.power_w(), at_s > 10 ? 160 : 1000);
  };
  EXPECT_GT(run(gpu, settings).tokens, 0.2 * run(gpu, {.governed = false}).tokens);
}

TEST(HeatGovernor, SensorsThatLieDoNotMatter) {
  const HeatTrace gpu = named_trace("gpu-poor-airflow");
  for (const SensorFault fault : {SensorFault::stuck, SensorFault::absent, SensorFault::spikes}) {
    RunSettings settings;
    settings.disturb = [fault](double at_s, HeatedDevice& device) {
      // It has been seen under load before.
      if (at_s == 120) device.set_fault(fault);
      if (at_s == 600) device.set_fault(SensorFault::none);
    };
    EXPECT_LE(run(gpu, settings).hottest_c, gpu.limit_c - 1) << static_cast<int>(fault);
  }
}

TEST(HeatGovernor, ARoomThatBecomesWarmerIsNoticed) {
  const HeatTrace gpu = named_trace("gpu-poor-airflow");
  RunSettings settings;
  settings.disturb = [](double at_s, HeatedDevice& device) { device.set_ambient(35 + std::min(10.0, at_s / 60)); };
  EXPECT_LE(run(gpu, settings).hottest_c, gpu.limit_c - 1);
}

// A device that does what it is told, with a steady state that depends on its pace.
struct Simple {
  HeatGovernor governor;
  double celsius = 40, pace = 1;
  Time now{};

  explicit Simple(const HeatLimits& limits = {}) : governor(limits, false) {}
  // `load`: the share of the time that it is asked to compute.
  const HeatDecision& step(double for_s, double full_c, bool quiet = false, double load = 1) {
    for (double done = 0; done < for_s; done += 0.5) {
      const double busy = std::min(pace, load);
      celsius += (30 + busy * (full_c - 30) - celsius) * 0.5 / 20;
      now += milliseconds(500);
      pace = governor
                 .update({.now = now,
                          .celsius = celsius,
                          .limit_c = 100,
                          .power_w = 10 + 90 * busy,
                          .utilization = busy,
                          .busy = busy,
                          .quiet = quiet})
                 .pace;
    }
    return governor.decision();
  }
};

TEST(HeatGovernor, ActsStepByStepAndReturns) {
  Simple cool, warm, hot;
  EXPECT_EQ(cool.step(600, 80).action, HeatAction::none);
  EXPECT_EQ(cool.governor.decision().reason, "");
  EXPECT_EQ(warm.step(600, 105).action, HeatAction::paced);
  EXPECT_NEAR(warm.celsius, 94, 2);
  hot.step(100, 200);
  EXPECT_EQ(hot.step(500, 200).action, HeatAction::fewer_layers);
  EXPECT_NEAR(hot.celsius, 94, 2);
  EXPECT_NEAR(hot.governor.decision().speed, 64.0 / 170, 0.1);
  EXPECT_NE(hot.governor.decision().reason, "");
  EXPECT_EQ(hot.step(900, 80).action, HeatAction::none) << "somebody cleaned it";
  EXPECT_DOUBLE_EQ(hot.pace, 1);
}

TEST(HeatGovernor, ADeviceThatHasFewerLayersDoesNotAskForThemBackAtOnce) {
  Simple device;
  ASSERT_EQ(device.step(600, 200).action, HeatAction::fewer_layers);
  const double speed = device.governor.decision().speed;
  EXPECT_EQ(device.step(1200, 200, false, 0.3).action, HeatAction::fewer_layers) << "it is cool since it has few";
  EXPECT_NEAR(device.governor.decision().speed, speed, 0.1);
}

TEST(HeatGovernor, ADeviceThatOthersHeatAsksToLeave) {
  Simple device;
  device.step(60, 80);
  HeatDecision decision;
  for (int i = 0; i < 200; ++i) {
    device.celsius = 102;
    decision = device.step(0.5, 80);
  }
  EXPECT_EQ(decision.action, HeatAction::leaving);
  EXPECT_LE(decision.pace, 2 * HeatGovernor::kPaceMin);
  device.celsius = 40;
  EXPECT_NE(device.step(200, 60).action, HeatAction::leaving);
}

TEST(HeatGovernor, QuietHoursLeaveHalf) {
  Simple device;
  EXPECT_DOUBLE_EQ(device.step(60, 60, true).pace, 0.5);
  EXPECT_NE(device.governor.decision().reason.find("quiet hours"), std::string::npos);
  EXPECT_DOUBLE_EQ(device.step(60, 60).pace, 1);
}

TEST(HeatGovernor, QuietHoursNeedNoSensor) {
  HeatGovernor governor({}, false);
  const HeatDecision& decision = governor.update({.now = {}, .power_w = 0, .utilization = 1, .busy = 1, .quiet = true});
  EXPECT_EQ(decision.pace, 0.5);
  EXPECT_NE(decision.reason.find("quiet hours"), std::string::npos) << decision.reason;
}

TEST(HeatGovernor, WithoutSensorsNothingIsDone) {
  HeatGovernor governor({}, true);
  Time now{};
  for (int i = 0; i < 200; ++i) governor.update({.now = now += milliseconds(500), .utilization = 1, .busy = 1});
  EXPECT_EQ(governor.decision().action, HeatAction::none);
  EXPECT_DOUBLE_EQ(governor.decision().pace, 1);
}

RC_GTEST_PROP(HeatGovernor, WhateverComesItsDecisionsAreBounded, ()) {
  HeatGovernor governor({.temperature_max_c = 80, .power_max_w = 100}, true);
  Time now{};
  for (int i = *rc::gen::inRange(1, 60); i > 0; --i) {
    const auto maybe = [](int low, int high) {
      const int value = *rc::gen::inRange(low, high);
      return value % 5 == 0 ? std::nullopt : std::optional<double>(value / 7.0);
    };
    now += milliseconds(*rc::gen::inRange(0, 2000));
    const HeatDecision& decision = governor.update({.now = now,
                                                    .celsius = maybe(-300, 2000),
                                                    .limit_c = maybe(300, 900),
                                                    .slowdown_c = maybe(300, 900),
                                                    .power_w = maybe(-10, 5000),
                                                    .utilization = maybe(0, 7),
                                                    .clock = maybe(0, 7),
                                                    .throttled = *rc::gen::arbitrary<bool>(),
                                                    .busy = *rc::gen::inRange(0, 100) / 100.0,
                                                    .rate = maybe(0, 7),
                                                    .quiet = *rc::gen::arbitrary<bool>()});
    RC_ASSERT(decision.pace >= HeatGovernor::kPaceMin && decision.pace <= 1);
    RC_ASSERT(decision.threads >= 0.25 && decision.threads <= 1);
    RC_ASSERT(decision.speed > 0 && decision.speed <= 1);
  }
}

TEST(SensorCheck, ASpikeIsNoTemperatureAndAJumpThatStaysIsOne) {
  SensorCheck check;
  Time now{};
  const auto at = [&](double celsius) { return check.believed(celsius, 50, now += milliseconds(500)); };
  EXPECT_EQ(at(50), 50);
  EXPECT_EQ(at(110), std::nullopt);
  EXPECT_EQ(at(51), 51);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(at(90 + i), std::nullopt);
  EXPECT_EQ(at(94), 94);
}

}  // namespace
}  // namespace exogpu::telemetry
