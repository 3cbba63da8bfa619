// Sensors of the processor that Linux shows in sysfs and procfs below `root`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "gpu/sensors/energy_meter.h"

namespace exogpu::gpu {

// Of the hottest package: the driver of the processor's own sensor, else the system's thermal zones named for the CPU.
std::optional<double> cpu_temperature_c(const std::filesystem::path& root);

// Where the processor protects itself, of the package for which that is lowest.
std::optional<double> cpu_limit_c(const std::filesystem::path& root);

// 0..1: the mean of the cores' clocks now, of the highest that each can have.
std::optional<double> cpu_speed(const std::filesystem::path& root);

// Of all packages together, from the processor's energy counters, which Linux mostly shows to root alone.
std::optional<double> cpu_power_w(const std::filesystem::path& root, EnergyMeter& energy, EnergyMeter::Time now);

// Whether the processor slows down to cool: its counters of such moments have risen between two updates, or the system
// holds its clocks down now.
class CpuThrottling {
 public:
  // Absent where nothing tells.
  std::optional<bool> update(const std::filesystem::path& root);

 private:
  std::optional<int64_t> last_;  // count
};

// The share of processor time that was not idle, of all cores, between two updates.
class CpuLoad {
 public:
  // Absent the first time, and while the clock of /proc/stat (10 ms) has not moved on.
  std::optional<double> update(const std::filesystem::path& root);

 private:
  struct Times {
    double idle = 0, total = 0;  // clock ticks
  };
  static std::optional<Times> read(const std::filesystem::path& root);
  std::optional<Times> last_;
};

}  // namespace exogpu::gpu
