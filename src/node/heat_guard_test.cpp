#include "node/heat_guard.h"

#include <gtest/gtest.h>

namespace exogpu::node {
namespace {

using std::chrono::milliseconds;
using wire::HeatAction;

constexpr uint32_t kNoon = 12, kNight = 23;

wire::DeviceProfile profile_of(const std::string& id) {
  wire::DeviceProfile profile;
  profile.id.device = id;
  return profile;
}

// A node whose stages compute whenever they may, and whose devices become warm accordingly.
struct Worked {
  HeatGuard guard;
  telemetry::Time now{};
  std::vector<std::string> changes{};
  telemetry::Sample sample{};
  std::optional<double> slowdown_c{};

  explicit Worked(const wire::OwnerLimits& limits, const std::vector<std::string>& devices,
                  const std::string& stage_device)
      : guard(limits, {profile_of(stage_device)}) {
    sample.subjects.push_back({.id = "machine", .name = "machine"});
    for (const std::string& id : devices) {
      sample.subjects.push_back({.id = id, .name = "a GPU", .kind = wire::SubjectKind::discrete});
    }
    sample.devices.resize(devices.size());
    sample.values.resize(devices.size() + 1);
  }
  const pipeline::Pacer& pacer() const { return *guard.pacers().begin()->second; }

  // At full pace the device of this index would come to full_c, from 30 degrees.
  void run(double for_s, size_t hot, double full_c, uint32_t hour = kNoon) {
    pipeline::Pacer& pacer = *guard.pacers().begin()->second;
    for (double done = 0; done < for_s; done += 0.5) {
      const double pace = pacer.limits().pace;
      pacer.begin(now);
      pacer.end({}, {.tokens = 10}, now,
                now + std::chrono::duration_cast<telemetry::Duration>(milliseconds(500) * pace));
      now += milliseconds(500);
      sample.at = now;
      for (size_t i = 0; i < sample.devices.size(); ++i) {
        gpu::Readings& device = sample.devices[i];
        const double before = device.temperature_c.value_or(40), full = i == hot ? full_c : 50;
        device.temperature_c = before + (30 + pace * (full - 30) - before) * 0.5 / 20;
        device.limit_c = 100;
        device.slowdown_c = slowdown_c;
        device.power_w = 10 + 90 * pace;
        device.utilization = pace;
      }
      for (std::string& change : guard.update(sample, hour)) changes.push_back(std::move(change));
    }
  }
  cluster::DeviceReadings reading(const std::string& device) const {
    cluster::SensorReadings readings;
    readings.devices.emplace_back().device = device;
    guard.add_to(readings);
    return readings.devices.front();
  }
};

TEST(HeatGuard, ADeviceThatWouldBecomeTooHotComputesLess) {
  Worked node({}, {"gpu0"}, "gpu0");
  node.run(600, 0, 130);
  EXPECT_LE(node.sample.devices[0].temperature_c, 96);
  EXPECT_LT(node.pacer().limits().pace, 0.75);
  EXPECT_FALSE(node.pacer().limits().at_ease);
  const auto reading = node.reading("gpu0");
  EXPECT_GE(reading.action, HeatAction::reduced);
  EXPECT_EQ(reading.action_reason, "it is to stay below 94 °C");
  EXPECT_EQ(node.sample.values[1][wire::Metric::pace], node.pacer().limits().pace);
  ASSERT_FALSE(node.changes.empty());
  EXPECT_TRUE(node.changes.back().starts_with("gpu0 computes at most ")) << node.changes.back();
  EXPECT_TRUE(node.changes.back().ends_with(": it is to stay below 94 °C")) << node.changes.back();
  node.run(900, 0, 60);
  EXPECT_EQ(node.reading("gpu0").action, HeatAction::none);
  EXPECT_EQ(node.changes.back(), "gpu0 computes as fast as it can");
}

TEST(HeatGuard, TheTemperatureAtWhichTheHardwareSlowsDownCountsWhereItIsKnown) {
  Worked node({}, {"gpu0"}, "gpu0");
  node.slowdown_c = 87;
  node.run(600, 0, 130);
  EXPECT_LE(node.sample.devices[0].temperature_c, 83);
  EXPECT_EQ(node.reading("gpu0").action_reason, "it is to stay below 81 °C");
}

TEST(HeatGuard, AGroupWorksAsTheMemberThatMayWorkLeast) {
  Worked node({}, {"gpu0", "gpu1"}, "gpu0+gpu1");
  node.run(300, 1, 130);
  EXPECT_LT(node.pacer().limits().pace, 0.75);
  EXPECT_EQ(node.reading("gpu0").action, HeatAction::none);
  EXPECT_NE(node.reading("gpu1").action, HeatAction::none);
}

TEST(HeatGuard, TheOwnersLimitsAndHoursCount) {
  Worked cool({.temperature_max_c = 60}, {"gpu0"}, "gpu0");
  cool.run(300, 0, 80);
  EXPECT_LE(cool.sample.devices[0].temperature_c, 61);
  EXPECT_EQ(cool.reading("gpu0").action_reason, "it is to stay below 60 °C (--temperature-max)");
  Worked frugal({.power_max_w = 40}, {"gpu0"}, "gpu0");
  frugal.run(300, 0, 80);
  EXPECT_LE(frugal.sample.devices[0].power_w, 44);
  EXPECT_EQ(frugal.reading("gpu0").action_reason, "it is to draw at most 40 W (--power-max)");
  Worked quiet({.quiet_hours = wire::DayHours{.from = 22, .to = 7}}, {"gpu0"}, "gpu0");
  quiet.run(60, 0, 60, kNight);
  EXPECT_EQ(quiet.pacer().limits().pace, 0.5);
  EXPECT_EQ(quiet.reading("gpu0").action_reason, "these are quiet hours (--quiet-hours)");
  quiet.run(60, 0, 60, kNoon);
  EXPECT_EQ(quiet.pacer().limits().pace, 1);
}

TEST(HeatGuard, KnowsTheEnergyOfATokenAndWhatItLearnt) {
  Worked node({}, {"gpu0"}, "gpu0");
  node.run(120, 0, 60);
  // 100 W, and ten tokens each half second.
  EXPECT_NEAR(node.sample.values[1][wire::Metric::joules_per_token].value(), 5, 0.01);
  std::vector<wire::DeviceProfile> profiles{profile_of("gpu0")};
  node.guard.measure_power(profiles);
  EXPECT_NEAR(profiles[0].active_w, 90, 1);
  const double reported_w = profiles[0].active_w *= 1.1;
  node.guard.measure_power(profiles);
  EXPECT_EQ(profiles[0].active_w, reported_w) << "no other by more than a fifth";
  const telemetry::ThermalBook learnt = node.guard.learnt();
  ASSERT_EQ(learnt.size(), 1U);
  EXPECT_EQ(learnt.begin()->first, "gpu0 a GPU");
  EXPECT_GT(learnt.begin()->second.power_max_w, 90);
}

}  // namespace
}  // namespace exogpu::node
