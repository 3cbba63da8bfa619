// The shape of a batch: batches of equal shape use the same graph.
#pragma once

#include <cstdint>
#include <vector>

namespace exogpu::engine {

// Sequences with equally many tokens in the batch and with neighbouring regions of equal size in the KV cache; one
// operation attends to all of them. Where layers keep states, those are neighbours, too.
struct SlotGroup {
  uint32_t first_row = 0;    // where the first one's region begins
  uint32_t stride = 0;       // rows from one region to the next; 0 for a single one
  uint32_t slots = 0;        // sequences
  uint32_t tokens = 0;       // of each sequence
  uint32_t rows = 0;         // of each region that the tokens attend to, a multiple of 256
  uint32_t first_state = 0;  // of the first sequence; 0 in models without states

  uint32_t all_tokens() const { return slots * tokens; }
  friend bool operator==(const SlotGroup&, const SlotGroup&) = default;
};

struct BatchShape {
  uint32_t tokens = 0;
  uint32_t outputs = 0;  // tokens that get logits; used by the last shard only
  std::vector<SlotGroup> groups;
  // The outputs, grouped in the same way: in the model's last layer only they attend to the cache. Empty when all
  // tokens are outputs.
  std::vector<SlotGroup> output_groups;

  friend bool operator==(const BatchShape&, const BatchShape&) = default;
};

}  // namespace exogpu::engine
