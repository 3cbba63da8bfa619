// A thread that runs tasks in their order; it starts with the first one.
#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace exogpu::capi {

// Any thread may call.
class Executor {
 public:
  using Task = std::move_only_function<void()>;

  Executor() = default;
  ~Executor() { stop(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // False after stop(): the task is dropped.
  bool post(Task task) EXO_EXCLUDES(mutex_);
  // Runs what was posted, and ends the thread. Not from a task.
  void stop() EXO_EXCLUDES(mutex_);

 private:
  void run() EXO_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wakes_;
  std::deque<Task> tasks_ EXO_GUARDED_BY(mutex_);
  bool stopped_ EXO_GUARDED_BY(mutex_) = false;
  std::thread thread_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::capi
