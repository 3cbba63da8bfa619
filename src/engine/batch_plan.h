// Checks a batch and computes its shape and the contents of the graph's inputs. Pure: no tensors, no device.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "engine/families/architecture.h"
#include "engine/graph/batch_shape.h"
#include "engine/shard.h"

namespace exogpu::engine {

struct BatchPlan {
  BatchShape shape;
  std::vector<int32_t> positions;         // per token
  std::vector<int64_t> cache_rows;        // per token
  std::vector<int32_t> output_rows;       // per output: the token's index in the batch
  std::vector<int32_t> output_positions;  // per output
  std::vector<bool> in_batch;             // per sequence: whether the batch has tokens of it

  // The plan without outputs, for a shard that is not the last.
  void drop_outputs();
};

struct BatchLimits {
  uint32_t tokens = 0;
  uint32_t outputs = 0;
  uint32_t context = 0;     // tokens of one sequence, at most
  bool has_states = false;  // of recurrent layers
};

// Fills `plan`, reusing its memory. Sequence s has `lengths[s]` tokens, and its rows in the KV cache are `regions[s]`.
// Errors: invalid_argument, resource_exhausted; `plan` is then unspecified.
Result<void> plan_batch(std::span<const SequenceTokens> batch, std::span<const uint32_t> lengths,
                        std::span<const wire::Region> regions, const BatchLimits& limits, BatchPlan& plan);

// The tokens whose last layer is computed for embeddings, of which each sequence of `batch` requests one or none: all
// of a sequence, where its vector is made of all. Errors: invalid_argument (several rows, or part of a text that must
// come whole).
Result<void> rows_of_embeddings(const Architecture& a, std::span<const SequenceTokens> batch,
                                std::vector<SequenceTokens>& rows);

// Fills a mask [slots, tokens, rows] of IEEE half floats, 0 where the token attends to the row and -inf elsewhere.
// `positions` are those of the group's tokens; a window of 0 does not slide. Not `causal`: tokens also attend to later
// ones of the batch.
void fill_mask(const SlotGroup& group, std::span<const int32_t> positions, const SlidingWindow& sliding, bool causal,
               std::span<uint16_t> mask);

}  // namespace exogpu::engine
