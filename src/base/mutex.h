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
  bool try_lock() EXO_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Locks a mutex while it exists, except between unlock() and lock().
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

// Locks two different mutexes while it exists; two threads may do so in opposite orders.
class EXO_SCOPED_CAPABILITY TwoMutexLock {
 public:
  // The analysis does not know std::lock.
  TwoMutexLock(Mutex& a, Mutex& b) EXO_ACQUIRE(a, b) EXO_NO_THREAD_SAFETY_ANALYSIS : a_(a), b_(b) { std::lock(a_, b_); }
  ~TwoMutexLock() EXO_RELEASE() EXO_NO_THREAD_SAFETY_ANALYSIS {
    a_.unlock();
    b_.unlock();
  }
  TwoMutexLock(const TwoMutexLock&) = delete;
  TwoMutexLock& operator=(const TwoMutexLock&) = delete;

 private:
  Mutex& a_;
  Mutex& b_;
};

// Waits without a predicate, so that the condition is evaluated where the analysis sees the lock:
//   while (queue_.empty()) wakes_.wait(lock);
class CondVar {
 public:
  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  template <typename Rep, typename Period>
  bool wait_for(MutexLock& lock, std::chrono::duration<Rep, Period> timeout) {
    return wait_until(lock, std::chrono::steady_clock::now() + timeout);
  }
  // False after the timeout. Wake-ups may be spurious in both cases.
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
