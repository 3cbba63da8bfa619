#include "gpu/sensors/nvml.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "gpu/sensors/fake_sysfs.h"
#include "gpu/sensors/sensor_reader.h"

namespace exogpu::gpu {
namespace {

constexpr int kNotSupported = 3, kNotFound = 6, kGpuIsLost = 15;

// A library with one GPU, behind the same C functions as the real one.
struct Library {
  int init_result = 0;
  int result = 0;  // of every question
  unsigned celsius = 41, milliwatts = 123456;
  NvmlUtilization utilization{.gpu = 87, .memory = 20};
  NvmlMemory memory{.total = 80 * GiB, .free = 70 * GiB, .used = 10 * GiB};
  unsigned limit = 92, slowdown = 87, mhz = 990, mhz_max = 1980, fan = 55;
  unsigned long long reasons = 0x4;  // the power cap
  int starts = 0, lookups = 0;
} library;

NvmlDevice* the_gpu() { return reinterpret_cast<NvmlDevice*>(&library); }

template <typename T>
int answer(NvmlDevice* device, T value, T* out) {
  EXPECT_EQ(device, the_gpu());
  if (library.result == 0) *out = value;
  return library.result;
}

int find(const char* name, const char* known, NvmlDevice** device) {
  ++library.lookups;
  if (std::string(name) != known) return kNotFound;
  *device = the_gpu();
  return 0;
}

NvmlFunctions functions() {
  return {
      .init =
          [] {
            ++library.starts;
            return library.init_result;
          },
      .device_by_pci_address = [](const char* address, NvmlDevice** d) { return find(address, "0000:65:00.0", d); },
      .device_by_uuid = [](const char* uuid, NvmlDevice** d) { return find(uuid, "GPU-6af8", d); },
      .temperature =
          [](NvmlDevice* d, int sensor, unsigned* out) {
            EXPECT_EQ(sensor, 0);
            return answer(d, library.celsius, out);
          },
      .power_usage = [](NvmlDevice* d, unsigned* out) { return answer(d, library.milliwatts, out); },
      .utilization = [](NvmlDevice* d, NvmlUtilization* out) { return answer(d, library.utilization, out); },
      .memory = [](NvmlDevice* d, NvmlMemory* out) { return answer(d, library.memory, out); },
      .temperature_threshold =
          [](NvmlDevice* d, int threshold, unsigned* out) {
            EXPECT_TRUE(threshold == 0 || threshold == 1) << "shutdown and slowdown";
            return answer(d, threshold == 0 ? library.limit : library.slowdown, out);
          },
      .throttle_reasons = [](NvmlDevice* d, unsigned long long* out) { return answer(d, library.reasons, out); },
      .clock = [](NvmlDevice* d, int, unsigned* out) { return answer(d, library.mhz, out); },
      .max_clock = [](NvmlDevice* d, int, unsigned* out) { return answer(d, library.mhz_max, out); },
      .fan_speed = [](NvmlDevice* d, unsigned* out) { return answer(d, library.fan, out); },
  };
}

class NvmlReadings : public testing::Test {
 protected:
  void SetUp() override { library = {}; }
  DeviceInfo gpu = fake_device(DeviceKind::discrete, "NVIDIA", "CUDA", "0000:65:00.0");
};

TEST_F(NvmlReadings, HaveTheirUnits) {
  const auto nvml = Nvml::open(functions());
  ASSERT_TRUE(nvml);
  const Readings readings = nvml->read(gpu);
  EXPECT_DOUBLE_EQ(readings.temperature_c.value(), 41);
  EXPECT_DOUBLE_EQ(readings.power_w.value(), 123.456);
  EXPECT_DOUBLE_EQ(readings.utilization.value(), 0.87);
  EXPECT_EQ(readings.memory_used_bytes, 10 * GiB);
  EXPECT_DOUBLE_EQ(readings.limit_c.value(), 92);
  EXPECT_DOUBLE_EQ(readings.slowdown_c.value(), 87);
  EXPECT_DOUBLE_EQ(readings.speed.value(), 0.5);
  EXPECT_EQ(readings.throttled, false);
  EXPECT_EQ(readings.power_limited, true);
  EXPECT_EQ(readings.braked, false);
  EXPECT_EQ(readings.memory_total_bytes, 80 * GiB);
  EXPECT_DOUBLE_EQ(readings.clock_mhz.value(), 990);
  EXPECT_DOUBLE_EQ(readings.fan.value(), 0.55);
  for (const unsigned long long thermal : {0x20ULL, 0x40ULL, 0x64ULL}) {
    library.reasons = thermal;
    EXPECT_EQ(nvml->read(gpu).throttled, true) << thermal;
  }
  library.limit = library.slowdown = 0;
  library.mhz_max = 0;
  EXPECT_FALSE(nvml->read(gpu).limit_c);
  EXPECT_FALSE(nvml->read(gpu).slowdown_c);
  EXPECT_FALSE(nvml->read(gpu).speed);
}

TEST_F(NvmlReadings, TheGpuIsFoundByAddressElseByUuid) {
  const auto nvml = Nvml::open(functions());
  ASSERT_TRUE(nvml);
  gpu.pci_address = "0000:66:00.0";
  EXPECT_FALSE(nvml->read(gpu).temperature_c);
  for (const char* uuid : {"6af8", "GPU-6af8"}) {
    gpu.uuid = uuid;
    EXPECT_TRUE(nvml->read(gpu).temperature_c) << uuid;
  }
  gpu.pci_address.clear();
  EXPECT_TRUE(nvml->read(gpu).temperature_c);
  gpu.uuid = "other";
  EXPECT_FALSE(nvml->read(gpu).temperature_c);
}

TEST_F(NvmlReadings, UnsupportedReadingsAreAbsent) {
  const auto nvml = Nvml::open(functions());
  ASSERT_TRUE(nvml);
  for (const int error : {kNotSupported, kGpuIsLost}) {
    library.result = error;
    const Readings readings = nvml->read(gpu);
    EXPECT_FALSE(readings.temperature_c || readings.power_w || readings.utilization || readings.memory_used_bytes);
  }
  library.result = 0;
  library.celsius = library.milliwatts = library.utilization.gpu = 0xFFFFFFFF;
  library.memory.used = ~0ULL;
  const Readings readings = nvml->read(gpu);
  EXPECT_FALSE(readings.temperature_c || readings.power_w || readings.utilization || readings.memory_used_bytes);
}

TEST_F(NvmlReadings, OlderLibrariesLackFunctions) {
  NvmlFunctions few = functions();
  few.power_usage = nullptr;
  few.device_by_pci_address = nullptr;
  gpu.uuid = "6af8";
  const auto nvml = Nvml::open(few);
  ASSERT_TRUE(nvml);
  EXPECT_TRUE(nvml->read(gpu).temperature_c);
  EXPECT_FALSE(nvml->read(gpu).power_w);
  EXPECT_FALSE(Nvml::open({}));
  library.init_result = 9;  // no driver is loaded
  EXPECT_FALSE(Nvml::open(functions()));
}

TEST_F(NvmlReadings, TheReaderStartsTheLibraryOnceAndOnlyForNvidia) {
  FakeSysfs tree;
  int loads = 0;
  SensorReader reader({.root = tree.root(), .load_nvml = [&]() -> std::optional<NvmlFunctions> {
                         ++loads;
                         return functions();
                       }});
  DeviceInfo amd = gpu;
  amd.vendor = "AMD";
  amd.backend = "Vulkan";
  EXPECT_FALSE(reader.read(amd).temperature_c);
  EXPECT_EQ(loads, 0);
  EXPECT_TRUE(reader.read(gpu).temperature_c);
  EXPECT_TRUE(reader.read(gpu).temperature_c);
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(library.starts, 1);
}

TEST_F(NvmlReadings, TheDriversOwnFilesFillTheGapsAndASleepingGpuIsNotWoken) {
  FakeSysfs tree;
  SensorReader reader({.root = tree.root(), .load_nvml = [] { return std::optional(functions()); }});
  tree.write("sys/bus/pci/devices/0000:65:00.0/hwmon/hwmon0/temp1_input", "39000\n");
  EXPECT_DOUBLE_EQ(reader.read(gpu).temperature_c.value(), 41);
  library.result = kNotSupported;
  EXPECT_DOUBLE_EQ(reader.read(gpu).temperature_c.value(), 39);
  library.lookups = 0;
  tree.write("sys/bus/pci/devices/0000:65:00.0/power/runtime_status", "suspended\n");
  EXPECT_FALSE(reader.read(gpu).temperature_c);
  EXPECT_EQ(library.lookups, 0);
}

// The real library, where there is a driver for it: with the GPUs that Linux lists as NVIDIA's.
TEST(NvmlLibrary, ReadsTheGpusOfThisMachine) {
  const auto loaded = load_nvml();
  if (!loaded) GTEST_SKIP() << "no NVIDIA driver on this machine";
  const auto nvml = Nvml::open(*loaded);
  if (!nvml) GTEST_SKIP() << "NVIDIA's library does not start here: no GPU, or no permission";
  for (const auto& device : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus")) {
    const std::string address = device.path().filename().string();
    const Readings readings = nvml->read(fake_device(DeviceKind::discrete, "NVIDIA", "CUDA", address));
    ASSERT_TRUE(readings.temperature_c) << device.path();
    EXPECT_GT(*readings.temperature_c, 5);
    EXPECT_LT(*readings.temperature_c, 110);
    ASSERT_TRUE(readings.power_w);
    EXPECT_GT(*readings.power_w, 1);
    EXPECT_GT(readings.memory_used_bytes.value(), 0u);
    if (readings.utilization) {
      EXPECT_LE(*readings.utilization, 1);
    }
  }
}

}  // namespace
}  // namespace exogpu::gpu
