// Runs the steps of a stage: on its own thread, or on the simulator's clock.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "pipeline/step_machine.h"

namespace exogpu::pipeline {

// The functions that an executor calls, one step at a time, until stop() returns.
struct StepWork {
  std::function<StageOutput(StageInput)> run;
  std::function<void(StageOutput, std::chrono::microseconds took)> done;
};

// Runs steps in the order of push(), which any thread may call.
class StepExecutor {
 public:
  virtual ~StepExecutor() = default;
  virtual void push(StageInput input) = 0;
  // Waits for the step in progress and discards the others. Further calls have no effect.
  virtual void stop() = 0;
};

// Makes the executor of a stage with this compute.
using MakeExecutor = std::function<std::unique_ptr<StepExecutor>(const ComputeInfo& info, StepWork work)>;

}  // namespace exogpu::pipeline
