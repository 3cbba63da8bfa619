// Bounds of a working sensor's values: broken ones report -273, 255 %, or four million watts.
#pragma once

#include <optional>

namespace exogpu::gpu {

inline std::optional<double> within(double value, double low, double high) {
  if (value >= low && value <= high) return value;
  return std::nullopt;
}

inline std::optional<double> plausible_temperature_c(double celsius) { return within(celsius, -60, 200); }
inline std::optional<double> plausible_power_w(double watts) { return within(watts, 0, 100'000); }
inline std::optional<double> plausible_clock_mhz(double mhz) { return within(mhz, 0, 20'000); }
inline std::optional<double> plausible_share(double share) { return within(share, 0, 1); }

}  // namespace exogpu::gpu
