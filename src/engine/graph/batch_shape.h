// The shape of a batch: batches of equal shape use the same graph.
#pragma once

#include <cstdint>
#include <vector>

namespace exogpu::engine {

// Neighbouring slots whose sequences have equally many tokens in the batch; one operation attends to all of them.
struct SlotGroup {
  uint32_t first_slot = 0;
  uint32_t slots = 0;
  uint32_t tokens = 0;  // of each sequence
  uint32_t rows = 0;    // of each slot that the tokens attend to, a multiple of 256

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
