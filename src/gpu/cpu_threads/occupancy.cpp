#include "gpu/cpu_threads/occupancy.h"

#include <algorithm>
#include <cmath>

namespace exogpu::gpu {
namespace {

// Less of a core than this is taken by what the system does now and then, not by a process that computes.
constexpr double kNoise = 0.35;

uint32_t whole_cores(double cores) { return static_cast<uint32_t>(std::clamp(std::ceil(cores - kNoise), 0.0, 1e6)); }

}  // namespace

void Occupancy::observe(Time at, double others, double waited) {
  sudden_.reset();
  observations_.push_back({at, whole_cores(others + waited)});
  while (observations_.front().at < at - kRise) observations_.pop_front();
}

void Occupancy::observe_waiting(uint32_t threads, double waited) {
  const uint32_t shared = whole_cores(2 * waited);
  if (shared == 0) return;
  const uint32_t left = threads > shared ? threads - shared : 1;
  sudden_ = std::min(sudden_.value_or(left), left);
}

uint32_t Occupancy::best_threads(uint32_t cores, uint32_t most) const {
  cores = std::max(1u, cores);
  most = std::clamp(most, 1u, cores);
  if (observations_.empty()) return std::min(most, sudden_.value_or(most));
  uint32_t best = 1;
  size_t best_value = 0;
  for (uint32_t threads = 1; threads <= most; ++threads) {
    const auto times = static_cast<size_t>(
        std::ranges::count_if(observations_, [&](const Observation& o) { return o.taken + threads <= cores; }));
    if (times * threads <= best_value) continue;
    best_value = times * threads;
    best = threads;
  }
  // The last interval says what is now; those before it say whether it is worth believing that cores have become free.
  const uint32_t taken = observations_.back().taken;
  const uint32_t free_now = cores > taken ? cores - taken : 1;
  return std::min({best, free_now, sudden_.value_or(most)});
}

}  // namespace exogpu::gpu
