// std::mutex and std::condition_variable with annotations that Clang checks; see base/thread_annotations.h.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/thread_annotations.h"

namespace exogpu {

class EXO_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() EXO_ACQUIRE() { mutex_.lock(); }
  void unlock() EXO_RELEASE() { mutex_.unlock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Locks a mutex for as long as it lives, but for the spans between unlock() and lock().
class EXO_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) EXO_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() EXO_RELEASE() {}  // NOLINT(modernize-use-equals-default): the annotation needs a body
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() EXO_RELEASE() { lock_.unlock(); }
  void lock() EXO_ACQUIRE() { lock_.lock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

// Waits without a predicate, so that the condition stands where the analysis sees the lock:
//   while (queue_.empty()) wakes_.wait(lock);
class CondVar {
 public:
  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  // False: the time was up. A wake-up may be spurious in either case.
  template <typename Clock, typename Duration>
  bool wait_until(MutexLock& lock, const std::chrono::time_point<Clock, Duration>& end) {
    return condition_.wait_until(lock.lock_, end) == std::cv_status::no_timeout;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace exogpu
