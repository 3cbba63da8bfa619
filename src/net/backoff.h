// How long to wait between attempts.
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

// After attempt 1, 2, …: between half and the whole of a wait that doubles, so that many who lost the same peer do not
// all come back at once. Nothing when there are no more attempts.
inline std::optional<Duration> backoff_after(uint32_t attempt, const BackoffOptions& options, uint64_t seed) {
  if (attempt >= options.attempts) return std::nullopt;
  Duration wait = options.first;
  for (uint32_t i = 1; i < attempt && wait < options.most; ++i) wait *= 2;
  wait = std::min(wait, options.most);
  return wait / 2 + std::chrono::duration_cast<Duration>(wait / 2 * random_unit(seed, attempt));
}

}  // namespace exogpu::net
