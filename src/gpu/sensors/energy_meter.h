// Computes power from two readings of an energy counter.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace exogpu::gpu {

class EnergyMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // The average since the previous reading of `counter`. Absent the first time; within 10 ms of that reading, which
  // remains the reference; and when the counter decreased, unless it wraps to 0 at `wraps_at_uj`.
  std::optional<double> power_w(const std::string& counter, int64_t energy_uj, Time now,
                                std::optional<int64_t> wraps_at_uj = std::nullopt);

 private:
  struct Reading {
    int64_t energy_uj = 0;
    Time time;
  };
  std::map<std::string, Reading> last_;
};

}  // namespace exogpu::gpu
