// Clocks, fans and the reasons for a low clock.
#include <gtest/gtest.h>

#include "gpu/sensors/fake_sysfs.h"
#include "gpu/sensors/sensor_reader.h"

namespace exogpu::gpu {
namespace {

class PciSensors : public testing::Test {
 protected:
  SensorReader reader() {
    return SensorReader({.root = tree.root(), .load_nvml = [] { return std::optional<NvmlFunctions>(); }});
  }
  std::string add_hwmon(const std::string& below, int number, const std::string& name) {
    const std::string folder = below + "/hwmon/hwmon" + std::to_string(number);
    tree.write(folder + "/name", name + "\n");
    tree.link("sys/class/hwmon/hwmon" + std::to_string(number), folder);
    return folder;
  }

  FakeSysfs tree;
  const std::string device = "sys/bus/pci/devices/0000:65:00.0";
  const SensorReader::Time start{std::chrono::seconds(1000)};
  DeviceInfo cpu = fake_device(DeviceKind::cpu, "", "CPU");
  DeviceInfo gpu = fake_device(DeviceKind::discrete, "AMD", "Vulkan", "0000:65:00.0");
};

TEST_F(PciSensors, ClockFanAndMemoryOfAnAmdGpu) {
  const std::string hwmon = add_hwmon(device, 0, "amdgpu");
  tree.write(device + "/mem_info_vram_total", "17163091968\n");
  tree.write(hwmon + "/freq1_input", "2304000000\n");
  tree.write(hwmon + "/pwm1", "51\n");
  Readings readings = reader().read(gpu, start);
  EXPECT_DOUBLE_EQ(readings.clock_mhz.value(), 2304);
  EXPECT_DOUBLE_EQ(readings.fan.value(), 0.2);
  EXPECT_EQ(readings.memory_total_bytes, 17163091968U);
  EXPECT_EQ(readings.throttled, std::nullopt);
  tree.write(hwmon + "/fan1_input", "1500\n");
  tree.write(hwmon + "/fan1_max", "3000\n");
  EXPECT_DOUBLE_EQ(reader().read(gpu, start).fan.value(), 0.5);
}

TEST_F(PciSensors, WhyAnIntelGpuIsSlow) {
  const std::string card = device + "/drm/card0";
  tree.write(card + "/gt_act_freq_mhz", "1450\n");
  tree.write(card + "/gt/gt0/throttle_reason_thermal", "0\n");
  tree.write(card + "/gt/gt0/throttle_reason_pl1", "0\n");
  tree.write(card + "/gt/gt0/throttle_reason_pl2", "1\n");
  Readings readings = reader().read(gpu, start);
  EXPECT_DOUBLE_EQ(readings.clock_mhz.value(), 1450);
  EXPECT_EQ(readings.throttled, false);
  EXPECT_EQ(readings.power_limited, true);
  tree.remove(device + "/drm");
  const std::string freq = device + "/tile0/gt0/freq0";
  tree.write(freq + "/act_freq", "2000\n");
  tree.write(freq + "/throttle/reason_thermal", "1\n");
  readings = reader().read(gpu, start);
  EXPECT_DOUBLE_EQ(readings.clock_mhz.value(), 2000);
  EXPECT_EQ(readings.throttled, true);
  EXPECT_EQ(readings.power_limited, std::nullopt);
}

TEST_F(PciSensors, TheFansOfTheMachineAreNotThoseOfItsGpus) {
  const std::string card = add_hwmon(device, 0, "amdgpu");
  tree.write(card + "/fan1_input", "3000\n");
  tree.write(card + "/fan1_max", "3000\n");
  SensorReader sensors = reader();
  EXPECT_EQ(sensors.read_fan(start), std::nullopt);
  const std::string board = add_hwmon("sys/devices/platform/dell_smm_hwmon", 1, "dell_smm");
  tree.write(board + "/fan1_input", "1000\n");
  tree.write(board + "/fan1_max", "4000\n");
  tree.write(board + "/fan2_input", "65535000\n");
  tree.write(board + "/fan2_max", "1\n");
  EXPECT_DOUBLE_EQ(sensors.read_fan(start).value(), 0.25);
}

TEST_F(PciSensors, TheClockOfACpuIsTheMeanOfItsCores) {
  const std::string cores = "sys/devices/system/cpu/cpufreq/policy";
  tree.write(cores + "0/scaling_cur_freq", "1000000\n");
  tree.write(cores + "0/cpuinfo_max_freq", "4000000\n");
  tree.write(cores + "1/scaling_cur_freq", "3000000\n");
  tree.write(cores + "1/cpuinfo_max_freq", "4000000\n");
  tree.write(cores + "2/scaling_cur_freq", "<unknown>\n");
  const Readings readings = reader().read(cpu, start);
  EXPECT_DOUBLE_EQ(readings.clock_mhz.value(), 2000);
  EXPECT_DOUBLE_EQ(readings.speed.value(), 0.5);
}

}  // namespace
}  // namespace exogpu::gpu
