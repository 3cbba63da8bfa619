// Waiting without sleep. A thread that sleeps wakes up some 50 us late; on a token's way through two nodes six threads
// wait for another, and a fast GPU computes it in 2 ms. So while a ring turns, its threads look again and again.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace exogpu {

// All calls from any thread.
class BusyWait {
 public:
  // After this long without an event it is not worth a core any more.
  static constexpr std::chrono::milliseconds kWindow{5};

  // Where there are cores for it and speed counts more than energy; at first it is not.
  void allow(bool allowed) { allowed_.store(allowed, std::memory_order_relaxed); }

  // Something happened, and the next thing is expected soon.
  void extend() {
    if (allowed_.load(std::memory_order_relaxed)) until_.store(now() + kWindow.count(), std::memory_order_relaxed);
  }

  bool active() const { return now() < until_.load(std::memory_order_relaxed); }

  // Looks until `happened()` or until it is inactive; other threads that have work go first.
  template <typename Happened>
  void wait(Happened happened) const {
    while (!happened() && active()) std::this_thread::yield();
  }

 private:
  static int64_t now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  std::atomic<bool> allowed_ = false;
  std::atomic<int64_t> until_ = 0;  // of the steady clock, in ms
};

}  // namespace exogpu
