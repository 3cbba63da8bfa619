// Sensor readings. A value that is missing, unreadable or impossible is absent, never 0.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace exogpu::gpu {

// Of one device. For the CPU: its hottest package, all packages together, all of its cores, the host memory
// that is not available to this process.
struct Readings {
  std::optional<double> temperature_c;     // of the whole chip, not of its hot spot
  std::optional<double> limit_c;           // at which the hardware protects itself, mostly by switching off
  std::optional<double> slowdown_c{};      // at which it lowers its clock to cool
  std::optional<bool> throttled;           // it slows down to cool: now, or (CPU) since the previous reading
  std::optional<double> speed;             // 0..1, current clock divided by maximum clock; also low without load
  std::optional<bool> power_limited;       // it slows down to keep within its power limit
  std::optional<bool> braked;              // the power supply or an external signal slows it down
  std::optional<double> clock_mhz;         // of its cores, their mean
  std::optional<double> fan;               // 0..1 of its highest speed
  std::optional<double> power_w;           // drawn now
  std::optional<double> utilization;       // 0..1, share of the time it was busy
  std::optional<Bytes> memory_used_bytes;  // by all processes, and by the driver itself
  std::optional<Bytes> memory_total_bytes{};
};

enum class BatteryState { unknown, charging, discharging, idle };  // idle: full, or charging is inhibited
std::string_view to_string(BatteryState state);

struct Battery {
  std::string name;              // "BAT0"
  std::optional<double> charge;  // 0..1
  BatteryState state = BatteryState::unknown;
  std::optional<double> power_w;  // flowing in or out, as `state` says; never negative
};

// The power supply of this machine, without the batteries of mice and other peripherals.
struct PowerSupply {
  std::optional<bool> on_mains;  // absent on most desktops and servers, which do not report it
  std::optional<double> charge;  // 0..1, of all batteries together
  std::vector<Battery> batteries;
};

}  // namespace exogpu::gpu
