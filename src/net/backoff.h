// The waits between attempts to connect.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/rng.h"
#include "net/channel.h"

namespace exogpu::net {

struct BackoffOptions {
  uint32_t attempts = 8;
  Duration first = std::chrono::milliseconds(100);
  Duration most = std::chrono::seconds(5);
};

// The wait after attempt 1, 2, …: between half and all of a time that doubles with each attempt, so that nodes which
// lost the same peer do not all reconnect at once. Empty: no attempts are left.
inline std::optional<Duration> backoff_after(uint32_t attempt, const BackoffOptions& options, uint64_t seed) {
  if (attempt >= options.attempts) return std::nullopt;
  Duration wait = options.first;
  for (uint32_t i = 1; i < attempt && wait < options.most; ++i) wait *= 2;
  wait = std::min(wait, options.most);
  return wait / 2 + std::chrono::duration_cast<Duration>(wait / 2 * random_unit(seed, attempt));
}

}  // namespace exogpu::net
