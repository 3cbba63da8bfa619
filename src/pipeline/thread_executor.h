// Does the steps of a stage on a thread of its own.
#pragma once

#include <atomic>
#include <deque>
#include <thread>

#include "base/busy_wait.h"
#include "base/mutex.h"
#include "pipeline/step_executor.h"

namespace exogpu::pipeline {

class ThreadExecutor final : public StepExecutor {
 public:
  // `busy_wait`, where it is given, is extended with each step and must outlive this.
  ThreadExecutor(StepWork work, BusyWait* busy_wait);
  ~ThreadExecutor() override;

  void push(StageInput input) override;
  void stop() override;

 private:
  void run();

  StepWork work_;
  BusyWait* busy_wait_;
  Mutex mutex_;
  CondVar wakes_;
  std::deque<StageInput> waiting_ EXO_GUARDED_BY(mutex_);
  bool stopping_ EXO_GUARDED_BY(mutex_) = false;
  std::atomic<bool> called_ = false;  // there is something under the mutex to look at
  std::thread thread_;                // last: it uses all of the above
};

MakeExecutor thread_executors(BusyWait* busy_wait = nullptr);

}  // namespace exogpu::pipeline
