// One stage of a model: a step machine and the executor that does its steps one after another.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "pipeline/step_executor.h"
#include "pipeline/step_machine.h"

namespace exogpu::pipeline {

// Calls from any thread, but for end(), which is the last.
class Stage {
 public:
  // `on_output` is called by the executor, once for each step in their order, and must not wait.
  Stage(RetainedStage from, StageOptions options, const MakeExecutor& make_executor,
        std::function<void(StageOutput)> on_output);
  // Waits for the step in progress; the others are dropped.
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  // Ends as the destructor does, and gives the compute back, with its sequences as they are. Nothing else may be called
  // afterwards.
  RetainedStage end();

  void push(StageInput input) { executor_->push(std::move(input)); }
  // Memory for activations that this stage is to be pushed, best for its device.
  Buffer receive_buffer(size_t bytes) { return machine_.receive_buffer(bytes); }

  const StageOptions& options() const { return machine_.options(); }
  const ComputeInfo& info() const { return machine_.info(); }

 private:
  void done(StageOutput output, std::chrono::microseconds took);

  StepMachine machine_;
  std::function<void(StageOutput)> on_output_;
  std::unique_ptr<StepExecutor> executor_;  // last: it uses all of the above
};

}  // namespace exogpu::pipeline
