// How much of a model fits into a device's memory. A first estimate for users; the planner of a cluster measures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.h"
#include "model/summary.h"

namespace exogpu::cli {

struct DeviceMemory {
  std::string id;  // empty for an assumed device
  std::string name;
  Bytes free = 0;
};

struct Fit {
  uint64_t layers = 0;  // number of layers, counted from the first
  bool whole = false;   // all layers, the embedding and the head
  // So many layers must be read from the file again for each step for all to fit; 0: they fit as they are, or not even
  // so.
  uint64_t streamed = 0;
  std::optional<uint64_t>
      context_tokens;  // tokens for which an F16 KV cache fits; empty if the cache's size is unknown
};

// Reserves 5 % of `free` and 128 MiB for computing. A whole model gets all the remaining memory as context, up to the
// model's own limit; a part gets 4,096 tokens of context.
Fit fit(const model::ModelSummary& model, Bytes free);

}  // namespace exogpu::cli
