// Where the steps of a stage are done: on a thread of its own, or on the simulator's clock.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "pipeline/step_machine.h"

namespace exogpu::pipeline {

// What an executor calls, in turn and for one step at a time, until stop() returns.
struct StepWork {
  std::function<StageOutput(StageInput)> run;
  std::function<void(StageOutput, std::chrono::microseconds took)> done;
};

// Does one step after another, in the order of push(). push() may be called from any thread.
class StepExecutor {
 public:
  virtual ~StepExecutor() = default;
  virtual void push(StageInput input) = 0;
  // Waits until the step in progress is done; the others are dropped. Further calls have no effect.
  virtual void stop() = 0;
};

// For a stage with this compute.
using MakeExecutor = std::function<std::unique_ptr<StepExecutor>(const ComputeInfo& info, StepWork work)>;

}  // namespace exogpu::pipeline
