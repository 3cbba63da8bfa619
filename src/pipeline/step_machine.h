// What a stage does with a step: the changes of its sequences, what a new ring resumes of the previous one, what is
// computed and what is replayed, and what is forwarded. Pure: no thread, no clock.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/buffer_pool.h"
#include "pipeline/compute.h"
#include "pipeline/sent_rows.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

// A step as a stage receives it: to the first with tokens, to the others with the activations of the stage before.
struct StageInput {
  wire::Step step;
  std::vector<wire::TokenId> tokens;  // [step.rows()]
  Buffer activations;                 // [step.rows(), activation_width] as `dtype`
  wire::Dtype dtype = wire::Dtype::f32;
};

// For the next stage.
struct ForwardedStep {
  wire::Step step;
  Buffer activations;  // [step.rows(), activation_width] as the stage's dtype; empty after a failure
};
// The stage can do no step any more: see Compute::lost().
struct StageLost {
  Error why;
};
// The last stage returns a StepDone.
using StageOutput = std::variant<ForwardedStep, wire::StepDone, StageLost>;

// What a stage passes to the next ring that has it: its compute, with the KV caches of its sequences.
struct RetainedStage {
  std::unique_ptr<Compute> compute;
  wire::PlanEpoch epoch{};  // of the ring whose sequences they are; none when they belong to no ring
  SentRows sent{};
};

struct StageOptions {
  uint32_t index = 0;                          // among the stages of the plan
  wire::Dtype activations = wire::Dtype::f32;  // as they are forwarded
  std::string name;                            // of node and device, before messages: "desk/vulkan0"; empty: none
  size_t sent_bytes_max = 0;                   // of activations that are retained for a new stage behind this one
  uint64_t sketch_secret = 0;                  // from which the seeds of sketches follow; known to nobody else
};

// One thread at a time, but for receive_buffer(), options() and info(), which any thread may call.
class StepMachine {
 public:
  StepMachine(RetainedStage from, StageOptions options);

  // Takes the steps of a ring in their order. A failure is part of what it returns.
  StageOutput run(StageInput input);
  // Nothing else may be called afterwards.
  RetainedStage release();

  // Memory for the activations of a step that will arrive, best for the device.
  Buffer receive_buffer(size_t bytes) { return pool_.take(bytes); }
  const StageOptions& options() const { return options_; }
  const ComputeInfo& info() const { return compute_->info(); }

 private:
  Result<void> resume(const wire::Step& first);
  Result<void> change(const wire::SequenceChange& change);
  Result<void> compute(StageInput& input, Buffer& out, LastOutput& last);
  Result<ComputeBatch> batch_of(const StageInput& input);
  Result<Buffer> replay(const wire::Step& step);
  Result<Buffer> forward(const ComputeBatch& batch, uint64_t rows);
  void retain(const wire::Step& step, const Buffer& sent);
  size_t row_bytes() const;  // of what is forwarded
  Error named(Error error) const;

  std::unique_ptr<Compute> compute_;
  StageOptions options_;
  BufferPool pool_;
  std::vector<float> decoded_;  // [batch_tokens, activation_width], of activations received in another type
  wire::PlanEpoch epoch_;       // whose sequences are resident
  SentRows sent_;
};

}  // namespace exogpu::pipeline
