#include "pipeline/step_thread.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace exogpu::pipeline {

using std::chrono::steady_clock;

namespace {

// While it rests: other limits count at once, and one look costs some microseconds.
constexpr std::chrono::milliseconds kLookAgain{50};

}  // namespace

StepThread::StepThread(BusyWait* busy_wait, std::shared_ptr<const Pacer> pacer)
    : busy_wait_(busy_wait), pacer_(std::move(pacer)), thread_([this] { run(); }) {}

StepThread::~StepThread() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    called_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

void StepThread::push(const void* owner, Task task) {
  {
    const MutexLock lock(mutex_);
    waiting_.push_back({owner, std::move(task)});
    called_ = true;
  }
  if (busy_wait_ != nullptr) busy_wait_->extend();
  wakes_.notify_one();
}

void StepThread::cancel(const void* owner) {
  {
    std::deque<Waiting> discarded;  // destroyed without the lock
    const MutexLock lock(mutex_);
    std::deque<Waiting> others;
    for (Waiting& each : waiting_) (each.owner == owner ? discarded : others).push_back(std::move(each));
    waiting_ = std::move(others);
  }
  MutexLock lock(mutex_);
  while (running_ == owner) done_.wait(lock);
}

void StepThread::rest(Pacer::Duration took, Pacer::Time ended) {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const auto now = steady_clock::now(), until = ended + pacer_->rest(took);
    if (now >= until) return;
    wakes_.wait_until(lock, std::min(until, now + kLookAgain));
  }
}

void StepThread::run() {
  while (true) {
    Waiting next;
    if (busy_wait_ != nullptr) busy_wait_->wait([&] { return called_.load(); });
    {
      MutexLock lock(mutex_);
      while (!stopping_ && waiting_.empty()) wakes_.wait(lock);
      if (stopping_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = next.owner;
      called_ = !waiting_.empty();
    }
    const auto began = steady_clock::now();
    next.task();
    const auto ended = steady_clock::now();
    if (busy_wait_ != nullptr) busy_wait_->extend();
    {
      const MutexLock lock(mutex_);
      running_ = nullptr;
    }
    done_.notify_all();
    if (pacer_ != nullptr) rest(ended - began, ended);
  }
}

}  // namespace exogpu::pipeline
