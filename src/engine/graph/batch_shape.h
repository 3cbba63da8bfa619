// What decides the shape of a shard's graph: two batches of equal shape run the same graph.
#pragma once

#include <cstdint>
#include <vector>

namespace exogpu::engine {

// Neighbouring slots whose sequences bring the same number of tokens, and are attended to by one operation.
struct SlotGroup {
  uint32_t first_slot = 0;
  uint32_t slots = 0;
  uint32_t tokens = 0;  // of each sequence
  uint32_t rows = 0;    // of each slot that are attended to, a multiple of 256

  uint32_t all_tokens() const { return slots * tokens; }
  friend bool operator==(const SlotGroup&, const SlotGroup&) = default;
};

struct BatchShape {
  uint32_t tokens = 0;
  uint32_t outputs = 0;  // tokens whose logits are wanted; only the last shard looks at it
  std::vector<SlotGroup> groups;
  // The outputs grouped in the same way: in the model's last layer only they look at the cache. Empty where all tokens
  // are outputs.
  std::vector<SlotGroup> output_groups;

  friend bool operator==(const BatchShape&, const BatchShape&) = default;
};

}  // namespace exogpu::engine
