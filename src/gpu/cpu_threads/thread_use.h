// With how many threads a shard computed its last step, for any thread that asks while it computes.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/mutex.h"

namespace exogpu::gpu {

// Why a shard does not compute with more threads.
enum class ThreadLimit : uint8_t {
  none,
  fixed,
  quota,
  sharing,
  others,
  performance,  // the performance cores alone were faster
  hardware,     // all hardware threads were: more than cores
  heat,         // the machine is to stay cool
};

struct ThreadUse {
  uint32_t threads = 0;  // 0: no step yet
  uint32_t cores = 0;    // that this process may run on; hardware threads, where these compute
  uint32_t sharing = 1;  // shards of all processes that compute at the same time
  ThreadLimit limit = ThreadLimit::none;
  friend bool operator==(const ThreadUse&, const ThreadUse&) = default;
};

// Why not more, for people; empty when all cores compute.
std::string reason_of(const ThreadUse& use);
// "3 threads: other processes use 1 of 4 cores"; empty before the first step.
std::string to_string(const ThreadUse& use);

class SharedThreadUse {
 public:
  // Above 0, at most 1: of the threads that the next steps would compute with, for a machine that is to stay cool.
  void set_share(double share) { share_ = share; }
  double share() const { return share_; }
  // Allocates nothing.
  void set(const ThreadUse& use) EXO_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    use_ = use;
  }
  ThreadUse get() const EXO_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return use_;
  }

 private:
  std::atomic<double> share_ = 1;
  mutable Mutex mutex_;
  ThreadUse use_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::gpu
