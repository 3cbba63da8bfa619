#include "pipeline/thread_executor.h"

#include <chrono>
#include <utility>

namespace exogpu::pipeline {

ThreadExecutor::ThreadExecutor(ComputeInfo info, StepWork work, std::shared_ptr<StepThread> thread)
    : info_(std::move(info)), work_(std::move(work)), thread_(std::move(thread)) {}

ThreadExecutor::~ThreadExecutor() { stop(); }

void ThreadExecutor::stop() {
  if (!thread_) return;
  thread_->cancel(this);
  thread_.reset();
}

void ThreadExecutor::push(StageInput input) {
  if (!thread_) return;
  thread_->push(this, [this, input = std::move(input)]() mutable {
    const StepSize size = size_of(input.step);
    const auto began = std::chrono::steady_clock::now();
    if (info_.pacer != nullptr) info_.pacer->begin(began);
    StageOutput output = work_.run(std::move(input));
    const auto ended = std::chrono::steady_clock::now();
    if (info_.pacer != nullptr) info_.pacer->end(info_, size, began, ended);
    work_.done(std::move(output), std::chrono::duration_cast<std::chrono::microseconds>(ended - began));
  });
}

std::unique_ptr<StepExecutor> ThreadExecutors::make(const ComputeInfo& info, StepWork work) {
  std::shared_ptr<StepThread> thread;
  if (info.on_processor) thread = on_processor_.lock();
  // A thread that polls would take the core of one that computes.
  if (!thread) thread = std::make_shared<StepThread>(info.on_processor ? nullptr : busy_wait_, info.pacer);
  if (info.on_processor) on_processor_ = thread;
  return std::make_unique<ThreadExecutor>(info, std::move(work), std::move(thread));
}

}  // namespace exogpu::pipeline
