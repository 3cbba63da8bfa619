#include "node/sensor_input.h"

#include <gtest/gtest.h>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::node {
namespace {

TEST(SensorReadings, OfAMadeUpLaptop) {
  const gpu::FakeSysfs tree;
  const auto stat = [&](const char* text) { tree.write("proc/stat", text); };
  stat("cpu  100 0 100 800 0 0 0 0 0 0\n");
  tree.write("sys/class/power_supply/AC/type", "Mains\n");
  tree.write("sys/class/power_supply/AC/online", "0\n");
  tree.write("sys/class/power_supply/BAT0/type", "Battery\n");
  tree.write("sys/class/power_supply/BAT0/capacity", "17\n");
  tree.write("sys/class/power_supply/BAT0/status", "Discharging\n");
  tree.write("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
  tree.write("sys/class/thermal/thermal_zone0/temp", "96000\n");
  tree.write("sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n");
  tree.write("sys/class/thermal/thermal_zone0/trip_point_0_temp", "90000\n");
  tree.write("sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n");
  tree.write("sys/class/thermal/thermal_zone0/trip_point_1_temp", "100000\n");
  const std::string throttle = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count";
  tree.write(throttle, "7\n");
  tree.write("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1500000\n");
  tree.write("sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "3000000\n");

  gpu::SensorReader sensors({.root = tree.root(), .load_nvml = [] { return std::optional<gpu::NvmlFunctions>(); }});
  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  cpu.id = "cpu";
  const std::vector devices{cpu};
  cluster::ConditionFilter watch;
  const cluster::Time start{};
  const cluster::SensorReadings first = sensor_readings(sensors, devices);
  EXPECT_FALSE(first.load);
  EXPECT_TRUE(first.on_battery);
  ASSERT_EQ(first.devices.size(), 1U);
  EXPECT_EQ(first.devices[0].device, "cpu");
  EXPECT_FALSE(first.devices[0].throttled) << "it was once";
  watch.update(first, start);
  stat("cpu  190 0 100 810 0 0 0 0 0 0\n");
  tree.write(throttle, "8\n");
  const wire::NodeCondition condition =
      watch.update(sensor_readings(sensors, devices), start + std::chrono::seconds(60));
  EXPECT_EQ(condition.load_percent, 90U);
  EXPECT_EQ(condition.battery, (wire::BatteryCondition{.charge_percent = 17, .on_battery = true, .low = true}));
  EXPECT_EQ(
      condition.devices.at(0),
      (wire::DeviceCondition{
          .device = "cpu", .load_percent = 90, .temperature_c = 96, .heat = wire::Heat::hot, .speed_percent = 50}));
}

TEST(SensorReadings, OfThisMachine) {
  gpu::SensorReader sensors;
  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  cpu.id = "cpu";
  const cluster::SensorReadings readings = sensor_readings(sensors, std::vector{cpu});
  EXPECT_EQ(readings.devices.size(), 1U);
  cluster::ConditionFilter watch;
  EXPECT_EQ(watch.update(readings, {}).devices.size(), 1U);
}

}  // namespace
}  // namespace exogpu::node
