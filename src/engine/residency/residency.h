// Which layers of a shard stay in memory, and which share places there by turns. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::engine {

struct ResidencyQuestion {
  Bytes budget = 0;
  Bytes always = 0;  // held in any case: both ends of the model, and what reading needs
  // Of each layer, by kind of memory, the same kinds in the same order for all: a slot has a part in each kind, as
  // large as the largest of its layers.
  std::vector<std::vector<Bytes>> layers;
};

// Layers are walked in a circle, again and again, where an order of last use finds nothing: a layer is needed again
// only after all others. So as many as fit stay for good, and the others share one slot or two, each its layers by
// turns: that is as many hits as are possible.
struct Residency {
  std::vector<std::optional<uint32_t>> slot_of = {};  // of each layer; none: it stays
  uint32_t slots = 0;
  Bytes bytes = 0;  // in memory, with those held in any case

  bool streams(uint32_t layer) const { return layer < slot_of.size() && slot_of[layer].has_value(); }
  uint32_t streamed() const;  // layers
};

// With two slots a layer is read while another one is computed; a single slot leaves room for one more layer. Layers
// that stream lie among the others at equal distances, so that there is something to compute while each is read.
// Errors: out_of_memory, with the least budget: a slot for the largest layer.
Result<Residency> choose_residency(const ResidencyQuestion& question);

}  // namespace exogpu::engine
