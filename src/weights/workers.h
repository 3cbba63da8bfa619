// Threads for work that would block the thread of the channels: hashing, reading and writing files.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace exogpu::weights {

// The destructor waits until all jobs are done.
class Workers {
 public:
  using Job = std::move_only_function<void()>;

  explicit Workers(uint32_t threads) {
    for (uint32_t i = 0; i < threads; ++i) lanes_.push_back(std::make_unique<Lane>());
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // One thread runs the jobs of a lane in order. From any thread.
  void run(uint32_t lane, Job job) { lanes_[lane % lanes_.size()]->push(std::move(job)); }
  uint32_t lanes() const { return static_cast<uint32_t>(lanes_.size()); }

 private:
  class Lane {
   public:
    Lane() : thread_([this] { work(); }) {}
    ~Lane() {
      {
        const MutexLock lock(mutex_);
        ending_ = true;
      }
      more_.notify_one();
      thread_.join();
    }
    void push(Job job) {
      {
        const MutexLock lock(mutex_);
        jobs_.push_back(std::move(job));
      }
      more_.notify_one();
    }

   private:
    void work() {
      MutexLock lock(mutex_);
      while (true) {
        while (!ending_ && jobs_.empty()) more_.wait(lock);
        if (jobs_.empty()) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job();
        job = nullptr;
        lock.lock();
      }
    }

    Mutex mutex_;
    CondVar more_;
    std::deque<Job> jobs_ EXO_GUARDED_BY(mutex_);
    bool ending_ EXO_GUARDED_BY(mutex_) = false;
    std::thread thread_;
  };

  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace exogpu::weights
