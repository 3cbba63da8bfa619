// A thread for the steps of one stage, or of several on the same device.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <thread>

#include "base/busy_wait.h"
#include "base/mutex.h"
#include "pipeline/pacer.h"

namespace exogpu::pipeline {

// Does tasks in the order of push(). Any thread but its own may make all calls.
class StepThread {
 public:
  using Task = std::move_only_function<void()>;

  // `busy_wait`, where it is given, is extended with each task and must outlive this. `pacer`: by which the thread
  // rests after a task; null: it does not.
  explicit StepThread(BusyWait* busy_wait, std::shared_ptr<const Pacer> pacer = {});
  ~StepThread();  // waits for the task in progress and discards the others

  void push(const void* owner, Task task);
  // Discards the owner's tasks that have not begun, then waits for the one in progress.
  void cancel(const void* owner);

 private:
  struct Waiting {
    const void* owner = nullptr;
    Task task;
  };
  void run();
  void rest(Pacer::Duration took, Pacer::Time ended) EXO_EXCLUDES(mutex_);

  BusyWait* busy_wait_;
  std::shared_ptr<const Pacer> pacer_;
  Mutex mutex_;
  CondVar wakes_;  // this thread
  CondVar done_;   // those that wait for a task
  std::deque<Waiting> waiting_ EXO_GUARDED_BY(mutex_);
  const void* running_ EXO_GUARDED_BY(mutex_) = nullptr;  // the owner of the task in progress
  bool stopping_ EXO_GUARDED_BY(mutex_) = false;
  std::atomic<bool> called_ = false;  // there is something under the mutex to look at
  std::thread thread_;                // last: it uses all of the above
};

}  // namespace exogpu::pipeline
