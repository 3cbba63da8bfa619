// Time limits of calls.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace exogpu::capi {

using Clock = std::chrono::steady_clock;

// When a call with this limit gives up; absent: never.
inline std::optional<Clock::time_point> deadline(int64_t timeout_ms) {
  constexpr int64_t kYearMs = int64_t{366} * 24 * 3600 * 1000;
  if (timeout_ms < 0 || timeout_ms > kYearMs) return std::nullopt;
  return Clock::now() + std::chrono::milliseconds(timeout_ms);
}

}  // namespace exogpu::capi
