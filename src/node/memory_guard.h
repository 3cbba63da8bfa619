// The part of a node that notices that its machine runs short of memory, before the kernel ends processes.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cluster/detector.h"
#include "gpu/memory_reading.h"
#include "wire/condition.h"

namespace exogpu::node {

struct MemoryLimits {
  cluster::Duration next_after = std::chrono::seconds(2);        // of pressure, until the next level
  cluster::Duration ask_again_after = std::chrono::seconds(15);  // of pressure, until a still smaller part is asked for
  cluster::Duration better_after = std::chrono::seconds(60);     // without pressure, until the level falls by one
  double stalled_high = 0.10, stalled_critical = 0.30;           // shares of the time that some task waits for memory
};

// Turns readings into what the node gives up. Pure.
//
// With R = host_memory_reserve() of the machine or its control group, there is pressure while less than R/2 is free, or
// while tasks wait for memory and less than 2 R is free besides the files that this process reads. Each level lasts
// `next_after`, so that it shows what it frees before the next one follows; with less than R/8 free, or after the
// kernel ended a process, the next one follows with the next reading.
class MemoryFilter {
 public:
  // `bytes_all`: of the host's memory that plans may use here without pressure; 0: no device uses it, so that nothing
  // is asked for.
  explicit MemoryFilter(Bytes bytes_all, MemoryLimits limits = {}) : bytes_all_(bytes_all), limits_(limits) {}

  // Most calls return the same as the call before.
  const wire::MemoryCondition& update(const gpu::MemoryReading& reading, cluster::Time now);
  const wire::MemoryCondition& condition() const { return condition_; }
  void set_bytes_all(Bytes bytes_all) { bytes_all_ = bytes_all; }

 private:
  enum class Tightness { none, some, pressure, critical };
  Tightness tightness(const gpu::MemoryReading& reading, cluster::Time now) const;
  Bytes bytes_left(const gpu::MemoryReading& reading) const;
  void give_up_more(const gpu::MemoryReading& reading, bool at_once, cluster::Time now);
  void recover(const gpu::MemoryReading& reading, cluster::Time now);

  Bytes bytes_all_;
  MemoryLimits limits_;
  wire::MemoryCondition condition_;
  std::optional<gpu::MemoryReading> before_;
  Bytes own_least_ = 0;  // of all readings: what the node needs without models
  cluster::Time before_at_{};
  cluster::Time changed_at_{};  // of the level, or of what is asked for
  std::optional<cluster::Time> better_since_;
};

// On the node's thread.
class MemoryGuard {
 public:
  explicit MemoryGuard(Bytes bytes_all) : filter_(bytes_all) {}

  // To be called about twice a second. True: condition() is another.
  bool update(const gpu::MemoryReading& reading, cluster::Time now);
  const wire::MemoryCondition& condition() const { return filter_.condition(); }
  void set_bytes_all(Bytes bytes_all) { filter_.set_bytes_all(bytes_all); }
  // What the node gives up and why, for the log.
  std::string text() const;

 private:
  MemoryFilter filter_;
  gpu::MemoryReading last_;
};

}  // namespace exogpu::node
