// Does the steps of a stage on a thread.
//
// All stages that compute on the processor share one: OpenMP has a team of threads for each thread that computes, and
// libgomp's teams spin at barriers only while they have no more threads together than there are processors. Beside a
// second team, idle or not, each thread sleeps at each barrier, of which a step has hundreds: half of the speed is
// lost.
#pragma once

#include <memory>

#include "base/busy_wait.h"
#include "pipeline/step_executor.h"
#include "pipeline/step_thread.h"

namespace exogpu::pipeline {

class ThreadExecutor final : public StepExecutor {
 public:
  ThreadExecutor(ComputeInfo info, StepWork work, std::shared_ptr<StepThread> thread);
  ~ThreadExecutor() override;

  void push(StageInput input) override;
  void stop() override;

 private:
  ComputeInfo info_;
  StepWork work_;
  std::shared_ptr<StepThread> thread_;  // null: stopped
};

// Makes executors with a thread each, but one for all computes on the processor, while one of them is there.
class ThreadExecutors {
 public:
  // `busy_wait`, where it is given, must outlive this and the executors.
  explicit ThreadExecutors(BusyWait* busy_wait = nullptr) : busy_wait_(busy_wait) {}

  std::unique_ptr<StepExecutor> make(const ComputeInfo& info, StepWork work);

 private:
  BusyWait* busy_wait_;
  std::weak_ptr<StepThread> on_processor_;
};

}  // namespace exogpu::pipeline
