#include "pipeline/thread_executor.h"

namespace exogpu::pipeline {

ThreadExecutor::ThreadExecutor(StepWork work, BusyWait* busy_wait)
    : work_(std::move(work)), busy_wait_(busy_wait), thread_([this] { run(); }) {}

ThreadExecutor::~ThreadExecutor() { stop(); }

void ThreadExecutor::stop() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    called_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

void ThreadExecutor::push(StageInput input) {
  {
    const MutexLock lock(mutex_);
    waiting_.push_back(std::move(input));
    called_ = true;
  }
  if (busy_wait_ != nullptr) busy_wait_->extend();
  wakes_.notify_one();
}

void ThreadExecutor::run() {
  while (true) {
    StageInput input;
    if (busy_wait_ != nullptr) busy_wait_->wait([&] { return called_.load(); });
    {
      MutexLock lock(mutex_);
      while (!stopping_ && waiting_.empty()) wakes_.wait(lock);
      if (stopping_) return;
      input = std::move(waiting_.front());
      waiting_.pop_front();
      called_ = !waiting_.empty();
    }
    const auto started = std::chrono::steady_clock::now();
    StageOutput output = work_.run(std::move(input));
    const auto took = std::chrono::steady_clock::now() - started;
    if (busy_wait_ != nullptr) busy_wait_->extend();
    work_.done(std::move(output), std::chrono::duration_cast<std::chrono::microseconds>(took));
  }
}

MakeExecutor thread_executors(BusyWait* busy_wait) {
  return [busy_wait](const ComputeInfo&, StepWork work) {
    return std::make_unique<ThreadExecutor>(std::move(work), busy_wait);
  };
}

}  // namespace exogpu::pipeline
