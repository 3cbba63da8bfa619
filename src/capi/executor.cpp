#include "capi/executor.h"

#include <utility>

namespace exogpu::capi {

bool Executor::post(Task task) {
  const MutexLock lock(mutex_);
  if (stopped_) return false;
  tasks_.push_back(std::move(task));
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wakes_.notify_one();
  return true;
}

void Executor::stop() {
  std::thread ending;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    ending = std::move(thread_);
    wakes_.notify_one();
  }
  if (ending.joinable()) ending.join();
}

void Executor::run() {
  MutexLock lock(mutex_);
  while (true) {
    while (tasks_.empty() && !stopped_) wakes_.wait(lock);
    if (tasks_.empty()) return;
    Task task = std::exchange(tasks_.front(), {});
    tasks_.pop_front();
    lock.unlock();
    task();
    task = {};  // what it holds goes without the lock
    lock.lock();
  }
}

}  // namespace exogpu::capi
