// What the owner of a machine allows a node on it to use: limits of heat, power, hours, battery and memory, which can
// be changed while it runs (proto/cluster.proto).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::wire {

// Hours of the day, in the machine's local time.
struct DayHours {
  uint32_t from = 0, to = 0;  // 0 to 23; from 22 to 7 is a night, equal ones are the whole day
  friend bool operator==(const DayHours&, const DayHours&) = default;
};

// What is absent is not limited.
struct OwnerLimits {
  static constexpr double kTemperatureMinC = 30, kTemperatureMaxC = 150;
  static constexpr double kPowerMinW = 1, kPowerMaxW = 100'000;
  static constexpr Bytes kMemoryMin = 1 * MiB;

  std::optional<double> temperature_max_c{};  // of each device
  std::optional<double> power_max_w{};        // likewise; without effect where the power is not measured
  std::optional<DayHours> quiet_hours{};      // in which devices compute at most half of the time
  std::optional<DayHours> shared_hours{};     // in which plans may use the devices; absent: always
  // 1 to 100: on battery and below it, plans do without the node; 100: whenever it is on battery.
  std::optional<uint32_t> battery_floor_percent{};
  std::optional<Bytes> memory_max{};  // of each device, for all models together
  friend bool operator==(const OwnerLimits&, const OwnerLimits&) = default;
};

enum class Limit : uint8_t { temperature, power, quiet_hours, shared_hours, battery_floor, memory };
inline constexpr Limit kLimitLast = Limit::memory;
std::string_view to_string(Limit limit);  // "temperature-max", as its option is called

struct LimitChanges {
  OwnerLimits set{};            // those that are there
  std::vector<Limit> lifted{};  // each once, and none that is set
  friend bool operator==(const LimitChanges&, const LimitChanges&) = default;
};

OwnerLimits changed(OwnerLimits before, const LimitChanges& changes);
// Errors: invalid_argument, naming the limit and what it may be.
Result<void> check(const OwnerLimits& limits);
// "at most 80 °C, quiet from 22 to 7 o'clock"; "none".
std::string limits_text(const OwnerLimits& limits);

}  // namespace exogpu::wire
