// How much of a model fits into so many bytes. A first answer for a person; the placement of a cluster measures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.h"
#include "model/summary.h"

namespace exogpu::cli {

struct DeviceMemory {
  std::string id;  // empty for one that is only assumed
  std::string name;
  Bytes free = 0;
};

struct Fit {
  uint64_t layers = 0;                     // how many, from the first
  bool whole = false;                      // all layers, the embedding and the head
  std::optional<uint64_t> context_tokens;  // room for so many in an F16 KV cache; absent when the cache is unknown
};

// Of `free` bytes 5 % and 128 MiB are kept back for computing. A whole model gets all the context that is left, up to
// what it was trained for; a part of one gets room for 4,096 tokens.
Fit fit(const model::ModelSummary& model, Bytes free);

}  // namespace exogpu::cli
