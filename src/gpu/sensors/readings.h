// What sensors say. A sensor that is missing, unreadable or says something impossible is absent, never 0.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace exogpu::gpu {

// Of one device. For the CPU: its hottest package, all packages together, all of its cores, the memory of the host
// that this process can no longer have.
struct Readings {
  std::optional<double> temperature_c;     // of the chip as a whole where it has several sensors, not of its hot spot
  std::optional<double> limit_c;           // where the hardware protects itself, mostly by switching off
  std::optional<bool> throttled;           // it slows down to cool: now, or (CPU) since it was last read
  std::optional<double> speed;             // 0..1, its clock now, of its highest; low also where it has little to do
  std::optional<double> power_w;           // drawn now
  std::optional<double> utilization;       // 0..1, share of the time it was busy
  std::optional<Bytes> memory_used_bytes;  // by all processes, and by the driver itself
};

enum class BatteryState { unknown, charging, discharging, idle };  // idle: full, or kept from charging
std::string_view to_string(BatteryState state);

struct Battery {
  std::string name;              // "BAT0"
  std::optional<double> charge;  // 0..1
  BatteryState state = BatteryState::unknown;
  std::optional<double> power_w;  // flowing in or out, as `state` says; never negative
};

// Where this machine's power comes from. Batteries of mice and the like are left out.
struct PowerSupply {
  std::optional<bool> on_mains;  // absent on most desktops and servers, which do not say
  std::optional<double> charge;  // 0..1, of all batteries together
  std::vector<Battery> batteries;
};

}  // namespace exogpu::gpu
