#include "node/memory_guard.h"

#include <algorithm>
#include <format>
#include <utility>

#include "gpu/host.h"

namespace exogpu::node {
namespace {

using wire::MemoryPressure;

// What is asked for is rounded to this share of all memory, so that it seldom changes.
constexpr Bytes kSteps = 64;

// The share of the time between two readings that `stalled` counted.
double share(std::optional<double> before, std::optional<double> now, double seconds) {
  return before && now && seconds > 0 ? std::max(0.0, *now - *before) / seconds : 0;
}

}  // namespace

MemoryFilter::Tightness MemoryFilter::tightness(const gpu::MemoryReading& reading, cluster::Time now) const {
  const Bytes reserve = gpu::host_memory_reserve(reading.memory.total);
  const Bytes free = reading.memory.free;
  double stalled = 0;
  bool limited = false, killed = false;
  if (before_) {
    const double seconds = std::chrono::duration<double>(now - before_at_).count();
    stalled = std::max(share(before_->group_stalled_s, reading.group_stalled_s, seconds),
                       share(before_->machine_stalled_s, reading.machine_stalled_s, seconds));
    limited = reading.limit_hits > before_->limit_hits;
    killed = reading.kills > before_->kills;
  }
  const Bytes beside_files = free - std::min(free, reading.mapped);
  const bool waits = stalled > limits_.stalled_high || limited;
  if (killed || free < reserve / 8 || (stalled > limits_.stalled_critical && free < reserve))
    return Tightness::critical;
  if (free < reserve / 2 || (waits && beside_files < 2 * reserve)) return Tightness::pressure;
  return free < reserve ? Tightness::some : Tightness::none;
}

// For the models, so that the reserve is free again: what would be free without them, less the reserve.
Bytes MemoryFilter::bytes_left(const gpu::MemoryReading& reading) const {
  const Bytes reserve = gpu::host_memory_reserve(reading.memory.total);
  const Bytes step = std::max<Bytes>(1, reading.memory.total / kSteps);
  const Bytes all = reading.own - own_least_ + reading.memory.free;
  return (all - std::min(all, reserve)) / step * step;
}

void MemoryFilter::give_up_more(const gpu::MemoryReading& reading, bool at_once, cluster::Time now) {
  const bool first = condition_.pressure == MemoryPressure::none;
  const bool last = condition_.pressure == MemoryPressure::layers;
  const cluster::Duration wait = last ? limits_.ask_again_after : limits_.next_after;
  if (!first && now - changed_at_ < wait && (last || !at_once)) return;
  changed_at_ = now;
  if (!last) condition_.pressure = static_cast<MemoryPressure>(static_cast<int>(condition_.pressure) + 1);
  if (condition_.pressure == MemoryPressure::layers && bytes_all_ > 0)
    condition_.bytes_max = std::min(condition_.bytes_max.value_or(bytes_all_), bytes_left(reading));
}

void MemoryFilter::recover(const gpu::MemoryReading& reading, cluster::Time now) {
  if (condition_ == wire::MemoryCondition()) return;
  if (!better_since_) better_since_ = now;
  if (now - *better_since_ < limits_.better_after) return;
  better_since_ = now;
  if (condition_.pressure != MemoryPressure::none)
    condition_.pressure = static_cast<MemoryPressure>(static_cast<int>(condition_.pressure) - 1);
  if (!condition_.bytes_max) return;
  condition_.bytes_max = std::max(*condition_.bytes_max, bytes_left(reading));
  if (*condition_.bytes_max >= bytes_all_) condition_.bytes_max.reset();
}

const wire::MemoryCondition& MemoryFilter::update(const gpu::MemoryReading& reading, cluster::Time now) {
  if (reading.memory.total == 0) return condition_;
  own_least_ = before_ ? std::min(own_least_, reading.own) : reading.own;
  const Tightness found = tightness(reading, now);
  before_ = reading;
  before_at_ = now;
  if (found != Tightness::none) better_since_.reset();
  if (found >= Tightness::pressure) give_up_more(reading, found == Tightness::critical, now);
  if (found == Tightness::none) recover(reading, now);
  return condition_;
}

bool MemoryGuard::update(const gpu::MemoryReading& reading, cluster::Time now) {
  last_ = reading;
  const wire::MemoryCondition before = filter_.condition();
  return filter_.update(reading, now) != before;
}

std::string MemoryGuard::text() const {
  const auto given_up = [this]() -> std::string {
    const auto& [pressure, bytes_max] = condition();
    const std::string asked =
        bytes_max ? std::format("; plans are to use at most {} here", format_bytes(*bytes_max)) : std::string();
    switch (pressure) {
      case MemoryPressure::none: return "nothing is given up" + asked;
      case MemoryPressure::spare: return "spare weights are given up" + asked;
      case MemoryPressure::cached: return "spare weights and cached sequences are given up" + asked;
      case MemoryPressure::layers: return "spare weights and cached sequences are given up" + asked;
    }
    return {};
  };
  return std::format("{} of {} of memory are free: {}", format_bytes(last_.memory.free),
                     format_bytes(last_.memory.total), given_up());
}

}  // namespace exogpu::node
