// Waiting without sleep. A sleeping thread wakes up about 50 us late. The way of a token through two nodes has six
// waits, and a fast GPU computes it in 2 ms. So while a ring is active, its threads poll.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace exogpu {

// Any thread may make all calls.
class BusyWait {
 public:
  // After so long without an event, polling is not worth a core.
  static constexpr std::chrono::milliseconds kWindow{5};

  // Set it if there are spare cores and speed matters more than energy; initially false.
  void allow(bool allowed) { allowed_.store(allowed, std::memory_order_relaxed); }

  // Call it after an event, when the next one is expected soon.
  void extend() {
    if (allowed_.load(std::memory_order_relaxed)) until_.store(now() + kWindow.count(), std::memory_order_relaxed);
  }

  bool active() const { return now() < until_.load(std::memory_order_relaxed); }

  // Polls until `happened()` or until polling is not active; yields to other threads that have work.
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
