// The states of a shard's recurrent layers, with what it takes to go back: some earlier states, and the inputs of all
// tokens, from which the tokens after such a state are computed again.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/sequence_states.h"
#include "engine/shard.h"
#include "engine/tensors/recurrent_state.h"
#include "engine/tensors/row_moves.h"

namespace exogpu::engine {

// The inputs of consecutive tokens of one sequence: tokens for the shard with layer 0, activations for others.
struct StepInputs {
  std::span<const model::TokenId> tokens;
  std::span<const float> activations;
};

class RecurrentMemory {
 public:
  // `rows`: of the KV cache.
  RecurrentMemory(const Architecture& a, wire::LayerRange layers, const ShardOptions& options, uint64_t rows,
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
  // The sequence is known no longer.
  void lose(uint32_t sequence) { positions_.lost(sequence); }

  // The inputs are kept in rows as those of the KV cache. From now on the sequence's begin at `begin`; copy(), read()
  // and write() move them there.
  void place(uint32_t sequence, uint32_t begin) { begins_[sequence] = begin; }
  void copy(const RowMove& move);
  std::vector<std::byte> read(uint64_t begin, uint64_t count);
  void write(uint64_t begin, uint64_t count, std::span<const std::byte> contents);

 private:
  StepInputs inputs(uint32_t sequence, uint32_t position, uint32_t count) const;
  void retain(uint32_t sequence, uint32_t position, const StepInputs& inputs);
  size_t at(uint32_t sequence, uint32_t position) const { return size_t{begins_[sequence]} + position; }
  std::span<std::byte> bytes(uint64_t begin, uint64_t count);

  bool first_;
  uint32_t width_;  // of an activation
  uint64_t rows_;
  uint32_t batch_tokens_;
  RecurrentState states_;
  SequenceStates positions_;
  std::vector<uint32_t> begins_;        // of each sequence: its first row
  std::vector<model::TokenId> tokens_;  // [rows]
  std::vector<float> activations_;      // [rows, width]
};

}  // namespace exogpu::engine
