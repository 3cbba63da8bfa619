// The processor's sensors, from sysfs and procfs below the root of `files`.
#pragma once

#include <cstdint>
#include <optional>

#include "gpu/sensors/energy_meter.h"
#include "gpu/sensors/sensor_files.h"

namespace exogpu::gpu {

// Of the hottest package: from the driver of the processor's sensor, else from the thermal zones named after the CPU.
std::optional<double> cpu_temperature_c(SensorFiles& files);

// The temperature at which the processor protects itself; the lowest of all packages.
std::optional<double> cpu_limit_c(SensorFiles& files);

struct CpuClock {
  std::optional<double> mhz;    // the mean over the cores
  std::optional<double> speed;  // 0..1: the mean over the cores of the current clock divided by the maximum clock
};
CpuClock cpu_clock(SensorFiles& files);

// 0..1: of the fastest fan of the machine that knows its highest speed; those of GPUs are not counted.
std::optional<double> fan_of_machine(SensorFiles& files);

// Of all packages together, from the processor's energy counters, which mostly only root can read.
std::optional<double> cpu_power_w(SensorFiles& files, EnergyMeter& energy, EnergyMeter::Time now);

// Whether the processor throttles: its throttle counters have increased since the previous update, or the system limits
// its clocks now.
class CpuThrottling {
 public:
  // Absent without such sensors.
  std::optional<bool> update(SensorFiles& files);

 private:
  std::optional<int64_t> last_;  // count
};

// The share of non-idle processor time of all cores between two updates.
class CpuLoad {
 public:
  // Absent the first time, and until the clock of /proc/stat (10 ms) has advanced.
  std::optional<double> update(SensorFiles& files);

 private:
  struct Times {
    double idle = 0, total = 0;  // clock ticks
  };
  static std::optional<Times> read(SensorFiles& files);
  std::optional<Times> last_;
};

}  // namespace exogpu::gpu
