// Reads the sensors of this machine: NVIDIA's through its driver's library, all others from Linux's sysfs and procfs.
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

namespace exogpu::gpu {

struct SensorSources {
  std::filesystem::path root = "/";                                          // above sys and proc
  std::function<std::optional<NvmlFunctions>()> load_nvml = gpu::load_nvml;  // called once, when an NVIDIA GPU is read
};

// One thread at a time. Never fails: what cannot be read is absent.
class SensorReader {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit SensorReader(SensorSources sources = {});

  // The CPU's utilization, and power that the hardware counts as energy, are averages since the last read of the same
  // device: absent the first time, and when that was less than about 10 ms ago.
  // A GPU that the system has put to sleep is not woken: all is absent. So it is for a GPU rendered by the CPU, which
  // has no sensors of its own.
  Readings read(const DeviceInfo& device, Time now = std::chrono::steady_clock::now());

  PowerSupply read_power_supply() const;

 private:
  Readings read_cpu(Time now);
  Readings read_gpu(const DeviceInfo& device, Time now);
  Nvml* nvml();

  SensorSources sources_;
  bool nvml_tried_ = false;
  std::optional<Nvml> nvml_;
  EnergyMeter energy_;
  CpuLoad cpu_load_;
  CpuThrottling cpu_throttling_;
};

}  // namespace exogpu::gpu
