#include "node/condition.h"

#include <gtest/gtest.h>

#include "gpu/sensors/fake_sysfs.h"
#include "telemetry/machine_source.h"

namespace exogpu::node {
namespace {

TEST(ConditionTest, SaysWhetherWhatIsReportedHasChanged) {
  Condition condition;
  const cluster::SensorReadings low{.load = {}, .charge = 0.1, .on_battery = true, .devices = {}};
  const cluster::Time start{};
  EXPECT_FALSE(condition.current({}).battery);
  EXPECT_TRUE(condition.update(low, start));
  ASSERT_TRUE(condition.current({}).battery);
  EXPECT_TRUE(condition.current({}).battery->low);
  EXPECT_FALSE(condition.update(low, start + std::chrono::milliseconds(500)));
}

TEST(ConditionTest, HasTheShardsThatAreLoadedNow) {
  Condition condition;
  cluster::LocalPlan local;
  local.plan.emplace();
  local.plan->model = "made";
  local.plan->stages = {{.device = {.node = {}, .device = "cpu"}, .layers = {0, 2}}};
  local.stages[0].progress = cluster::StageReadiness::fetched;
  EXPECT_TRUE(condition.current({&local}).shards.empty());
  local.stages[0].progress = cluster::StageReadiness::loaded;
  ASSERT_EQ(condition.current({&local}).shards.size(), 1U);
  EXPECT_EQ(condition.current({&local}).shards[0].device, "cpu");
}

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

  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  cpu.id = "cpu";
  telemetry::MachineSource source(
      {.name = "laptop", .devices = {cpu}, .sources = {.root = tree.root(), .load_nvml = [] {
                                                         return std::optional<gpu::NvmlFunctions>();
                                                       }}});
  cluster::ConditionFilter watch;
  const cluster::Time start{};
  const cluster::SensorReadings first = sensor_readings(source.read(start));
  EXPECT_FALSE(first.load);
  EXPECT_TRUE(first.on_battery);
  ASSERT_EQ(first.devices.size(), 1U);
  EXPECT_EQ(first.devices[0].device, "cpu");
  EXPECT_FALSE(first.devices[0].throttled) << "it was once";
  watch.update(first, start);
  stat("cpu  190 0 100 810 0 0 0 0 0 0\n");
  tree.write(throttle, "8\n");
  const wire::NodeCondition condition =
      watch.update(sensor_readings(source.read(start + std::chrono::seconds(60))), start + std::chrono::seconds(60));
  EXPECT_EQ(condition.load_percent, 90U);
  EXPECT_EQ(condition.battery, (wire::BatteryCondition{.charge_percent = 17, .on_battery = true, .low = true}));
  EXPECT_EQ(
      condition.devices.at(0),
      (wire::DeviceCondition{
          .device = "cpu", .load_percent = 90, .temperature_c = 96, .heat = wire::Heat::hot, .speed_percent = 50}));
}

TEST(SensorReadings, TheApplicationKnowsMore) {
  const gpu::FakeSysfs tree;
  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  cpu.id = "cpu";
  telemetry::MachineSource source(
      {.name = "phone", .devices = {cpu}, .sources = {.root = tree.root(), .load_nvml = [] {
                                                        return std::optional<gpu::NvmlFunctions>();
                                                      }}});
  telemetry::Sample sample = source.read({});
  adjust(sample, [](cluster::SensorReadings& readings) {
    readings.charge = 0.5;
    readings.on_battery = true;
    readings.devices.at(0).temperature_c = 44.5;
    readings.devices.at(0).limit_c = 60;
    readings.devices.at(0).throttled = true;
  });
  using wire::Metric;
  EXPECT_EQ(sample.values[0][Metric::charge], 0.5);
  EXPECT_EQ(sample.values[0][Metric::on_battery], 1);
  EXPECT_EQ(sample.values[1][Metric::temperature_c], 44.5);
  EXPECT_EQ(sample.values[1][Metric::throttling], wire::throttling::kHeat);
  EXPECT_EQ(sample.subjects[1].temperature_limit_c, 60.0);
  const cluster::SensorReadings readings = sensor_readings(sample);
  EXPECT_TRUE(readings.on_battery && readings.devices[0].throttled);
}

TEST(SensorReadings, OfThisMachine) {
  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  cpu.id = "cpu";
  const cluster::SensorReadings readings =
      sensor_readings(telemetry::MachineSource({.name = "here", .devices = {cpu}}).read(cluster::Time()));
  EXPECT_EQ(readings.devices.size(), 1U);
  cluster::ConditionFilter watch;
  EXPECT_EQ(watch.update(readings, {}).devices.size(), 1U);
}

}  // namespace
}  // namespace exogpu::node
