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

namespace exogpu::gpu {

struct SensorSources {
  std::filesystem::path root = "/";                                          // the parent of sys and proc
  std::function<std::optional<NvmlFunctions>()> load_nvml = gpu::load_nvml;  // called once, when an NVIDIA GPU is read
};

// One thread at a time. Never fails: unreadable values are absent.
class SensorReader {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit SensorReader(SensorSources sources = {});

  // The CPU's utilization, and power computed from energy counters, are averages since the previous read of the same
  // device: absent the first time, and less than about 10 ms after the previous read.
  // A sleeping GPU is not woken: all values are absent. A GPU rendered by the CPU has no sensors either.
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
