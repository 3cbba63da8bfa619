// One stage of a model: a shard, the samplers of its sequences where it is the last, and the thread that does its steps
// one after another.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "base/busy_wait.h"
#include "engine/sampler.h"
#include "engine/shard.h"
#include "pipeline/buffer_pool.h"
#include "pipeline/sent_rows.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

// A step as it comes to a stage: to the first with tokens, to the others with the activations of the one before.
struct StageInput {
  wire::Step step;
  std::vector<wire::TokenId> tokens;  // [step.rows()]
  Buffer activations;                 // [step.rows(), d_model] as `dtype`
  wire::Dtype dtype = wire::Dtype::f32;
};

// What goes to the next stage.
struct StageHandOn {
  wire::Step step;
  Buffer activations;  // [step.rows(), d_model] as the stage's dtype; empty after a failure
};
// From the last stage a StepDone.
using StageOutput = std::variant<StageHandOn, wire::StepDone>;

// What a stage leaves to the next ring that has it: its shard, with what its sequences hold.
struct StageRemains {
  engine::Shard shard;
  wire::PlanEpoch epoch{};  // of the ring whose sequences they are; none when they are nobody's
  SentRows sent{};
};

struct StageOptions {
  uint32_t index = 0;                          // among the stages of the plan
  wire::Dtype activations = wire::Dtype::f32;  // as they are handed on
  std::string name;                            // of node and device, for messages: "desk/vulkan0"
  BusyWait* busy_wait = nullptr;               // hears of each step; must outlive the stage
  size_t sent_bytes_max = 0;                   // of activations that are kept for a new stage behind this one
};

// All calls from any thread.
class Stage {
 public:
  // `on_output` is called on the stage's thread, once for each step in their order, and must not wait.
  Stage(StageRemains from, StageOptions options, std::function<void(StageOutput)> on_output);
  // Waits for the step under way; the others are dropped.
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  // Ends as the destructor does, and gives the shard back, with its sequences as they are. Nothing else may be called
  // afterwards.
  StageRemains end();

  void push(StageInput input);
  // Memory for activations that this stage is to be pushed, best for its device.
  Buffer memory(size_t bytes) { return pool_.take(bytes); }

  const StageOptions& options() const { return options_; }
  const engine::Shard& shard() const { return shard_; }  // what does not change: architecture, layers, options, memory

 private:
  void stop();
  void run();
  StageOutput process(StageInput input);
  Result<void> begin(const wire::Step& first);
  Result<void> change(const wire::SequenceChange& change);
  Result<void> compute(const StageInput& input, Buffer& out, std::vector<wire::SampledToken>& tokens);
  Result<Buffer> replay(const wire::Step& step);
  Result<std::span<const float>> forward(const StageInput& input, std::span<float> into);
  Result<Buffer> hand_on(const StageInput& input);
  Result<void> open(wire::SeqId sequence, const wire::OpenSampler& open);
  std::vector<wire::SampledToken> sample(const wire::Step& step, std::span<const float> logits);
  void keep_sent(const wire::Step& step, const Buffer& sent);
  size_t row_bytes() const;  // of what is handed on
  bool is_last() const { return shard_.layers().end == shard_.architecture().n_layers; }
  Error named(Error error) const;

  engine::Shard shard_;
  StageOptions options_;
  std::function<void(StageOutput)> on_output_;
  BufferPool pool_;
  std::vector<float> decoded_;                 // [batch_tokens, d_model], of what came in another type
  std::vector<engine::SequenceTokens> spans_;  // of the step
  std::map<wire::SeqId, Result<engine::Sampler>> samplers_;
  wire::PlanEpoch epoch_;  // whose sequences are held
  SentRows sent_;

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<StageInput> waiting_;
  bool stopping_ = false;
  std::atomic<bool> called_ = false;  // there is something under the mutex to look at
  std::thread thread_;                // last: it uses all of the above
};

}  // namespace exogpu::pipeline
