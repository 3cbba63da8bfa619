// The states of a shard's recurrent layers, with what it takes to go back: some earlier states, and the inputs of all
// tokens, from which the tokens after such a state are computed again.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/sequence_states.h"
#include "engine/shard.h"
#include "engine/tensors/recurrent_state.h"

namespace exogpu::engine {

// The inputs of consecutive tokens of one sequence: tokens for the shard with layer 0, activations for others.
struct StepInputs {
  std::span<const model::TokenId> tokens;
  std::span<const float> activations;
};

class RecurrentMemory {
 public:
  RecurrentMemory(const Architecture& a, wire::LayerRange layers, const ShardOptions& options,
                  ggml_backend_buffer_type_t home);

  bool empty() const { return states_.empty(); }
  const RecurrentState& states() const { return states_; }
  void pretend_loaded(bool on) { states_.pretend_loaded(on); }
  Bytes state_bytes() const { return states_.bytes(); }  // on the device
  Bytes input_bytes() const;                             // of the host
  Result<void> load();

  // Computes the tokens at `position` again, at most as many as fit into one batch.
  using Replay = std::function<Result<void>(uint32_t sequence, uint32_t position, const StepInputs& inputs)>;
  // Makes the sequence's present state that after `length` tokens. Errors: those of `replay`.
  Result<void> catch_up(uint32_t sequence, uint32_t length, const Replay& replay);

  // The batch was computed, or its computation failed. Its sequences' lengths are those before it.
  void moved(const Batch& batch);
  void failed(const Batch& batch);
  void truncate(uint32_t sequence, uint32_t end) { positions_.truncated(sequence, end); }
  void copy_prefix(uint32_t from, uint32_t to, uint32_t length);

 private:
  StepInputs inputs(uint32_t sequence, uint32_t position, uint32_t count) const;
  void retain(uint32_t sequence, uint32_t position, const StepInputs& inputs);
  size_t at(uint32_t sequence, uint32_t position) const { return size_t{sequence} * context_ + position; }

  bool first_;
  uint32_t width_;  // of an activation
  uint32_t context_;
  uint32_t sequences_;
  uint32_t batch_tokens_;
  RecurrentState states_;
  SequenceStates positions_;
  std::vector<model::TokenId> tokens_;  // [sequences, context]
  std::vector<float> activations_;      // [sequences, context, width]
};

}  // namespace exogpu::engine
