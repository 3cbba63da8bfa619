// The processor's sensors, from sysfs and procfs below `root`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "gpu/sensors/energy_meter.h"

namespace exogpu::gpu {

// Of the hottest package: from the driver of the processor's sensor, else from the thermal zones named after the CPU.
std::optional<double> cpu_temperature_c(const std::filesystem::path& root);

// The temperature at which the processor protects itself; the lowest of all packages.
std::optional<double> cpu_limit_c(const std::filesystem::path& root);

// 0..1: the mean over the cores of the current clock divided by the maximum clock.
std::optional<double> cpu_speed(const std::filesystem::path& root);

// Of all packages together, from the processor's energy counters, which mostly only root can read.
std::optional<double> cpu_power_w(const std::filesystem::path& root, EnergyMeter& energy, EnergyMeter::Time now);

// Whether the processor throttles: its throttle counters have increased since the previous update, or the system limits
// its clocks now.
class CpuThrottling {
 public:
  // Absent without such sensors.
  std::optional<bool> update(const std::filesystem::path& root);

 private:
  std::optional<int64_t> last_;  // count
};

// The share of non-idle processor time of all cores between two updates.
class CpuLoad {
 public:
  // Absent the first time, and until the clock of /proc/stat (10 ms) has advanced.
  std::optional<double> update(const std::filesystem::path& root);

 private:
  struct Times {
    double idle = 0, total = 0;  // clock ticks
  };
  static std::optional<Times> read(const std::filesystem::path& root);
  std::optional<Times> last_;
};

}  // namespace exogpu::gpu
