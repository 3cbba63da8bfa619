#include "gpu/sensors/sensor_reader.h"

#include <gtest/gtest.h>

#include <thread>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const SensorReader::Time kStart{seconds(1000)};

std::optional<NvmlFunctions> no_nvml() { return std::nullopt; }

void expect_nothing(const Readings& readings) {
  EXPECT_EQ(readings.temperature_c, std::nullopt);
  EXPECT_EQ(readings.power_w, std::nullopt);
  EXPECT_EQ(readings.utilization, std::nullopt);
  EXPECT_EQ(readings.memory_used_bytes, std::nullopt);
}

class Sensors : public testing::Test {
 protected:
  SensorReader reader() { return SensorReader({.root = tree.root(), .load_nvml = no_nvml}); }

  // A PCI device as sysfs has it: the folder lies below the bridges, the bus only links to it.
  std::string add_pci(const std::string& address) {
    const std::string folder = "sys/devices/pci0000:00/0000:00:01.1/" + address;
    tree.write(folder + "/vendor", "0x1002\n");
    tree.link("sys/bus/pci/devices/" + address, folder);
    return folder;
  }
  std::string add_hwmon(const std::string& device, int number, const std::string& name) {
    const std::string folder = device + "/hwmon/hwmon" + std::to_string(number);
    tree.write(folder + "/name", name + "\n");
    tree.link(folder + "/device", device);
    tree.link("sys/class/hwmon/hwmon" + std::to_string(number), folder);
    return folder;
  }
  void add_zone(int number, const std::string& type, const std::string& temp) {
    const std::string name = "thermal_zone" + std::to_string(number);
    tree.write("sys/devices/virtual/thermal/" + name + "/type", type + "\n");
    tree.write("sys/devices/virtual/thermal/" + name + "/temp", temp);
    tree.link("sys/class/thermal/" + name, "sys/devices/virtual/thermal/" + name);
  }

  FakeSysfs tree;
  DeviceInfo cpu = fake_device(DeviceKind::cpu, "", "CPU");
  DeviceInfo gpu = fake_device(DeviceKind::discrete, "AMD", "Vulkan", "0000:65:00.0");
};

TEST_F(Sensors, AnEmptyTreeHasNothing) {
  SensorReader sensors = reader();
  for (int i = 0; i < 2; ++i) {
    expect_nothing(sensors.read(cpu, kStart + seconds(i)));
    expect_nothing(sensors.read(gpu, kStart + seconds(i)));
  }
  EXPECT_EQ(sensors.read_power_supply().on_mains, std::nullopt);
  EXPECT_TRUE(sensors.read_power_supply().batteries.empty());
}

TEST_F(Sensors, AmdGpu) {
  const std::string device = add_pci("0000:65:00.0");
  tree.write(device + "/gpu_busy_percent", "37\n");
  tree.write(device + "/mem_info_vram_used", "12884901888\n");
  tree.write(device + "/mem_info_gtt_used", "33554432\n");
  tree.write(device + "/power/runtime_status", "active\n");
  const std::string hwmon = add_hwmon(device, 4, "amdgpu");
  tree.write(hwmon + "/temp1_label", "edge\n");
  tree.write(hwmon + "/temp1_input", "51000\n");
  tree.write(hwmon + "/temp2_label", "junction\n");
  tree.write(hwmon + "/temp2_input", "63000\n");
  tree.write(hwmon + "/power1_average", "187000000\n");
  tree.write(hwmon + "/power1_cap", "300000000\n");
  SensorReader sensors = reader();
  Readings readings = sensors.read(gpu, kStart);
  EXPECT_DOUBLE_EQ(readings.temperature_c.value(), 51);
  EXPECT_DOUBLE_EQ(readings.power_w.value(), 187);
  EXPECT_DOUBLE_EQ(readings.utilization.value(), 0.37);
  EXPECT_EQ(readings.memory_used_bytes, 12 * GiB);

  gpu.kind = DeviceKind::integrated;  // lives in system memory
  tree.remove(hwmon + "/power1_average");
  tree.write(hwmon + "/power1_input", "9500000\n");  // as newer kernels and APUs call it
  readings = sensors.read(gpu, kStart);
  EXPECT_EQ(readings.memory_used_bytes, 12 * GiB + 32 * MiB);
  EXPECT_DOUBLE_EQ(readings.power_w.value(), 9.5);

  tree.write(device + "/power/runtime_status", "suspended\n");
  expect_nothing(sensors.read(gpu, kStart));
}

TEST_F(Sensors, IntelGpuCountsEnergy) {
  const std::string hwmon = add_hwmon(add_pci("0000:65:00.0"), 2, "xe");
  tree.write(hwmon + "/energy1_label", "card\n");
  tree.write(hwmon + "/energy1_input", "5000000000\n");
  tree.write(hwmon + "/energy2_label", "pkg\n");
  tree.write(hwmon + "/energy2_input", "1\n");
  tree.write(hwmon + "/temp2_label", "pkg\n");
  tree.write(hwmon + "/temp2_input", "48000\n");
  tree.write(hwmon + "/temp3_label", "vram\n");
  tree.write(hwmon + "/temp3_input", "56000\n");
  SensorReader sensors = reader();
  Readings readings = sensors.read(gpu, kStart);
  EXPECT_DOUBLE_EQ(readings.temperature_c.value(), 48);
  EXPECT_EQ(readings.power_w, std::nullopt);
  EXPECT_EQ(readings.utilization, std::nullopt);

  tree.write(hwmon + "/energy1_input", "5060000000\n");
  EXPECT_DOUBLE_EQ(sensors.read(gpu, kStart + milliseconds(500)).power_w.value(), 120);
  EXPECT_EQ(sensors.read(gpu, kStart + milliseconds(505)).power_w, std::nullopt);
  tree.write(hwmon + "/energy1_input", "5061000000\n");
  EXPECT_DOUBLE_EQ(sensors.read(gpu, kStart + milliseconds(600)).power_w.value(), 10);
  tree.write(hwmon + "/energy1_input", "100\n");  // the driver was loaded again
  EXPECT_EQ(sensors.read(gpu, kStart + seconds(1)).power_w, std::nullopt);
  tree.write(hwmon + "/energy1_input", "1000100\n");
  EXPECT_DOUBLE_EQ(sensors.read(gpu, kStart + seconds(2)).power_w.value(), 1);
}

TEST_F(Sensors, HostileFilesOfAGpuAreAbsent) {
  const std::string device = add_pci("0000:65:00.0");
  const std::string hwmon = add_hwmon(device, 0, "amdgpu");
  const std::string files[] = {device + "/gpu_busy_percent", device + "/mem_info_vram_used",
                               hwmon + "/temp1_input",       hwmon + "/temp99999999999999_input",
                               hwmon + "/power1_average",    hwmon + "/energy1_input"};
  SensorReader sensors = reader();
  for (const char* text :
       {"", "\n", "garbage", "-300000", "9223372036854775807", "99999999999999999999999", "1e3", "\x01"}) {
    for (const std::string& file : files) tree.write(file, text);
    const Readings readings = sensors.read(gpu, kStart);
    EXPECT_EQ(readings.temperature_c, std::nullopt) << text;
    EXPECT_EQ(readings.power_w, std::nullopt) << text;
    EXPECT_EQ(readings.utilization, std::nullopt) << text;
    if (std::string(text) != "9223372036854775807") {
      EXPECT_EQ(readings.memory_used_bytes, std::nullopt) << text;
    }
  }
  for (const std::string& file : files) {
    tree.remove(file);
    tree.folder(file);
  }
  expect_nothing(sensors.read(gpu, kStart));
  for (const std::string& file : files) {
    tree.remove(file);
    tree.link(file, file);
  }
  expect_nothing(sensors.read(gpu, kStart));
}

TEST_F(Sensors, ABadSensorGivesWayToTheNext) {
  const std::string hwmon = add_hwmon(add_pci("0000:65:00.0"), 0, "amdgpu");
  tree.write(hwmon + "/temp1_input", "-273150\n");
  tree.write(hwmon + "/temp2_input", "44000\n");
  tree.write(hwmon + "/temp2_fault", "1\n");
  tree.write(hwmon + "/temp10_input", "46000\n");
  tree.write(hwmon + "/temp3_input", "45000\n");
  EXPECT_DOUBLE_EQ(reader().read(gpu, kStart).temperature_c.value(), 45);
}

TEST_F(Sensors, PciAddressesAreCheckedBeforeTheyBecomeAPath) {
  const std::string device = add_pci("0000:65:00.0");
  tree.write(device + "/gpu_busy_percent", "50\n");
  tree.write("sys/bus/gpu_busy_percent", "50\n");
  SensorReader sensors = reader();
  const auto found = [&](const std::string& address) {
    gpu.pci_address = address;
    return sensors.read(gpu, kStart).utilization.has_value();
  };
  EXPECT_TRUE(found("0000:65:00.0"));
  EXPECT_TRUE(found("00000000:65:00.0"));
  for (const char* bad : {"", ".", "..", "../..", "0000:65:00.0/..", "0000:65:00", "0000:65:00.", "65:00.0",
                          "0000:66:00.0", "0000:65:00.0 ", "FFFFFFFFF:65:00.0", "0000:65:00.0\n"}) {
    EXPECT_FALSE(found(bad)) << bad;
  }
}

TEST_F(Sensors, SoftwareGpusHaveNoSensors) {
  add_zone(0, "x86_pkg_temp", "50000\n");
  gpu.software = true;
  expect_nothing(reader().read(gpu, kStart));
}

TEST_F(Sensors, CpuTemperatureIsThatOfTheHottestPackage) {
  const auto temperature = [&] { return reader().read(cpu, kStart).temperature_c; };
  add_zone(0, "acpitz", "27800\n");  // of the board
  EXPECT_EQ(temperature(), std::nullopt);
  add_zone(1, "x86_pkg_temp", "61000\n");
  add_zone(2, "cpu-1-0-usr", "62500\n");
  add_zone(3, "cpu_bad", "garbage");
  EXPECT_DOUBLE_EQ(temperature().value(), 62.5);

  for (const int package : {0, 1}) {
    const std::string hwmon =
        add_hwmon("sys/devices/platform/coretemp." + std::to_string(package), 5 + package, "coretemp");
    tree.write(hwmon + "/temp1_label", "Package id " + std::to_string(package) + "\n");
    tree.write(hwmon + "/temp1_input", std::to_string(55000 + 3000 * package) + "\n");
    tree.write(hwmon + "/temp2_label", "Core 0\n");
    tree.write(hwmon + "/temp2_input", "70000\n");
  }
  const std::string disk = add_hwmon("sys/devices/pci0000:00/nvme0", 9, "nvme");
  tree.write(disk + "/temp1_input", "80000\n");
  EXPECT_DOUBLE_EQ(temperature().value(), 58);
}

TEST_F(Sensors, AmdCpusHaveTheirDiePreferred) {
  const std::string hwmon = add_hwmon("sys/devices/pci0000:00/0000:00:18.3", 1, "k10temp");
  tree.write(hwmon + "/temp1_label", "Tctl\n");
  tree.write(hwmon + "/temp1_input", "72250\n");
  EXPECT_DOUBLE_EQ(reader().read(cpu, kStart).temperature_c.value(), 72.25);
  tree.write(hwmon + "/temp2_label", "Tdie\n");
  tree.write(hwmon + "/temp2_input", "62250\n");
  EXPECT_DOUBLE_EQ(reader().read(cpu, kStart).temperature_c.value(), 62.25);
}

TEST_F(Sensors, CpuUtilizationIsTheShareNotIdleSinceTheLastRead) {
  SensorReader sensors = reader();
  const auto utilization = [&](const std::string& stat) {
    tree.write("proc/stat", stat);
    return sensors.read(cpu, kStart).utilization;
  };
  EXPECT_EQ(utilization("cpu  100 0 100 800 100 0 0 0 50 0\ncpu0 1 1 1 1\n"), std::nullopt);
  EXPECT_DOUBLE_EQ(utilization("cpu  120 5 110 845 110 2 3 5 60 0\n").value(), 0.45);
  EXPECT_EQ(utilization("cpu  120 5 110 845 110 2 3 5 60 0\n"), std::nullopt);      // no time has passed
  EXPECT_DOUBLE_EQ(utilization("cpu  220 5 110 840 105 2 3 5 60 0\n").value(), 1);  // idle ran backwards
  EXPECT_EQ(utilization("cpu  10 0 10 80\n"), std::nullopt);                        // fewer processors now
  EXPECT_DOUBLE_EQ(utilization("cpu  35 0 10 155\n").value(), 0.25);
  for (const char* bad : {"", "cpu", "cpu 1 2 3\n", "cpu a b c d\n", "intr 1 2 3 4 5\n", "cpu -1 -2 -3 -4\n"}) {
    EXPECT_EQ(utilization(bad), std::nullopt) << bad;
  }
  EXPECT_DOUBLE_EQ(utilization("cpu  60 0 10 230\n").value(), 0.25);
  for (const char* bad : {"cpu  1e9 1e9 1e9 1e9\n", "cpu  99999999999999999999 1 1 1\n"}) {
    EXPECT_EQ(utilization(bad), std::nullopt) << bad;
  }
}

TEST_F(Sensors, CpuPowerNeedsTheCounterOfEveryPackage) {
  const auto package = [&](int number, const std::string& energy) {
    const std::string folder = "sys/devices/virtual/powercap/intel-rapl/intel-rapl:" + std::to_string(number);
    tree.write(folder + "/name", "package-" + std::to_string(number) + "\n");
    tree.write(folder + "/max_energy_range_uj", "262143328850\n");
    tree.write(folder + "/energy_uj", energy);
    tree.write(folder + ":0/name", "core\n");
    tree.write(folder + ":0/energy_uj", "1\n");
    for (const std::string suffix : {"", ":0"}) {
      const std::string at = "sys/class/powercap/intel-rapl:" + std::to_string(number) + suffix;
      tree.remove(at);
      tree.link(at, folder + suffix);
    }
  };
  SensorReader sensors = reader();
  package(0, "1000000\n");
  package(1, "262143000000\n");
  EXPECT_EQ(sensors.read(cpu, kStart).power_w, std::nullopt);
  package(0, "61000000\n");
  package(1, "39671150\n");  // has started again from 0
  EXPECT_DOUBLE_EQ(sensors.read(cpu, kStart + seconds(1)).power_w.value(), 100);
  package(0, "71000000\n");
  tree.remove("sys/class/powercap/intel-rapl:1");
  tree.write("sys/class/powercap/intel-rapl:1/name", "package-1\n");  // its energy may not be read
  EXPECT_EQ(sensors.read(cpu, kStart + seconds(2)).power_w, std::nullopt);
}

TEST_F(Sensors, WhereACpuProtectsItself) {
  const auto limit = [&] { return reader().read(cpu, kStart).limit_c; };
  EXPECT_EQ(limit(), std::nullopt);
  add_zone(0, "x86_pkg_temp", "61000\n");
  tree.write("sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n");
  tree.write("sys/class/thermal/thermal_zone0/trip_point_0_temp", "-274000\n");
  EXPECT_EQ(limit(), std::nullopt);
  tree.write("sys/class/thermal/thermal_zone0/trip_point_0_temp", "105000\n");
  EXPECT_DOUBLE_EQ(limit().value(), 105);
  const std::string hwmon = add_hwmon("sys/devices/platform/coretemp.0", 5, "coretemp");
  tree.write(hwmon + "/temp1_label", "Package id 0\n");
  tree.write(hwmon + "/temp1_input", "55000\n");
  tree.write(hwmon + "/temp1_crit", "0\n");
  EXPECT_DOUBLE_EQ(limit().value(), 105);
  tree.write(hwmon + "/temp1_crit", "100000\n");
  EXPECT_DOUBLE_EQ(limit().value(), 100);
}

TEST_F(Sensors, ACpuThatSlowsDownToCool) {
  SensorReader sensors = reader();
  const auto throttled = [&] { return sensors.read(cpu, kStart).throttled; };
  EXPECT_EQ(throttled(), std::nullopt);
  tree.write("sys/class/thermal/cooling_device0/type", "Fan\n");
  tree.write("sys/class/thermal/cooling_device0/cur_state", "3\n");
  EXPECT_EQ(throttled(), std::nullopt);
  tree.write("sys/class/thermal/cooling_device1/type", "cpufreq-cpu0\n");
  tree.write("sys/class/thermal/cooling_device1/cur_state", "0\n");
  EXPECT_EQ(throttled(), false);
  tree.write("sys/class/thermal/cooling_device1/cur_state", "2\n");
  EXPECT_EQ(throttled(), true);
  const auto count = [&](const char* text) {
    tree.write("sys/devices/system/cpu/cpu3/thermal_throttle/package_throttle_count", text);
  };
  count("12\n");
  EXPECT_EQ(throttled(), false);
  EXPECT_EQ(throttled(), false);
  count("13\n");
  EXPECT_EQ(throttled(), true);
  EXPECT_EQ(throttled(), false);
  count("1\n");  // a core came again
  EXPECT_EQ(throttled(), false);
}

TEST_F(Sensors, MemoryOfTheHostThatIsNotFree) {
  tree.write("proc/meminfo", "MemTotal:       16384 kB\nMemFree:  1000 kB\nMemAvailable:    6144 kB\n");
  EXPECT_EQ(reader().read(cpu, kStart).memory_used_bytes, 10 * MiB);
  EXPECT_EQ(reader().read(cpu, kStart).memory_total_bytes, 16 * MiB);
  const Readings handed = reader().read(cpu, kStart, MemoryInfo{.total = 7 * GiB, .free = 3 * GiB});
  EXPECT_EQ(handed.memory_used_bytes, 4 * GiB);
}

// The machine this runs on: its readings must be plausible, and Linux always counts processor time.
TEST(SensorReader, ReadsThisMachine) {
  SensorReader sensors;
  const DeviceInfo cpu = fake_device(DeviceKind::cpu, "", "CPU");
  Readings readings = sensors.read(cpu);
#ifdef __linux__
  // The kernel counts in ticks of a few milliseconds; a load needs one between two readings.
  const auto until = std::chrono::steady_clock::now() + seconds(10);
  while (!readings.utilization && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(milliseconds(1));
    readings = sensors.read(cpu);
  }
  ASSERT_TRUE(readings.utilization);
  EXPECT_GT(readings.memory_used_bytes.value(), 0u);
#endif
  if (readings.utilization) {
    EXPECT_TRUE(*readings.utilization >= 0 && *readings.utilization <= 1);
  }
  if (readings.temperature_c) {
    EXPECT_TRUE(*readings.temperature_c > -60 && *readings.temperature_c < 150);
  }
}

}  // namespace
}  // namespace exogpu::gpu
