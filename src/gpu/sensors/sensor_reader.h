// Reads the sensors of this machine: NVIDIA's through the driver's library, all others from Linux's sysfs and procfs.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "gpu/device.h"
#include "gpu/sensors/energy_meter.h"
#include "gpu/sensors/host_sensors.h"
#include "gpu/sensors/nvml.h"
#include "gpu/sensors/readings.h"
#include "gpu/sensors/sensor_files.h"

namespace exogpu::gpu {

struct SensorSources {
  std::filesystem::path root = "/";                                          // the parent of sys and proc
  std::function<std::optional<NvmlFunctions>()> load_nvml = gpu::load_nvml;  // called once, when an NVIDIA GPU is read
  std::chrono::milliseconds remember{};                                      // as SensorFiles has it
};

// One thread at a time. Never fails: unreadable values are absent.
class SensorReader {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit SensorReader(SensorSources sources = {});

  // The CPU's utilization, and power computed from energy counters, are averages since the previous read of the same
  // device: absent the first time, and less than about 10 ms after the previous read.
  // A sleeping GPU is not woken: all values are absent. A GPU rendered by the CPU has no sensors either.
  // `host_memory`: as it was read a moment ago; else that of the CPU is read.
  Readings read(const DeviceInfo& device, Time now = std::chrono::steady_clock::now(),
                const std::optional<MemoryInfo>& host_memory = std::nullopt);

  PowerSupply read_power_supply(Time now = std::chrono::steady_clock::now());
  // 0..1: of the machine's fastest fan; absent where none knows its highest speed.
  std::optional<double> read_fan(Time now = std::chrono::steady_clock::now());

 private:
  Readings read_cpu(Time now, const std::optional<MemoryInfo>& host_memory);
  Readings read_gpu(const DeviceInfo& device, Time now);
  Nvml* nvml();

  SensorSources sources_;
  SensorFiles files_;
  bool nvml_tried_ = false;
  std::optional<Nvml> nvml_;
  EnergyMeter energy_;
  CpuLoad cpu_load_;
  CpuThrottling cpu_throttling_;
};

}  // namespace exogpu::gpu
