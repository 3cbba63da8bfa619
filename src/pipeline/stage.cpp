#include "pipeline/stage.h"

namespace exogpu::pipeline {

Stage::Stage(RetainedStage from, StageOptions options, const MakeExecutor& make_executor,
             std::function<void(StageOutput)> on_output)
    : machine_(std::move(from), std::move(options)),
      on_output_(std::move(on_output)),
      executor_(make_executor(
          machine_.info(),
          {.run = [this](StageInput input) { return machine_.run(std::move(input)); },
           .done = [this](StageOutput output, std::chrono::microseconds took) { done(std::move(output), took); }})) {}

Stage::~Stage() { executor_->stop(); }

RetainedStage Stage::end() {
  executor_->stop();
  return machine_.release();
}

void Stage::done(StageOutput output, std::chrono::microseconds took) {
  const auto us = static_cast<uint32_t>(took.count());
  if (auto* forwarded = std::get_if<ForwardedStep>(&output)) forwarded->step.stage_us.push_back(us);
  if (auto* ended = std::get_if<wire::StepDone>(&output)) ended->stage_us.push_back(us);
  on_output_(std::move(output));
}

}  // namespace exogpu::pipeline
