// Loads the bytes of a shard's tensors into their memory.
#pragma once

#include <stop_token>

#include "engine/tensors/weight_places.h"
#include "engine/tensors/weights.h"

namespace exogpu::engine {

// Points each tensor of `h` into the mapped file. Errors: internal.
Result<void> map_in_place(const WeightPlaces& places, Home& h);

// Copies the tensors that stay in memory and are not mapped, with up to `threads` threads, and converts those that the
// device holds in another type. Ends early when `stop` asks. Errors: unsupported, naming a tensor with a value that the
// other type lacks.
Result<void> fill_all(const WeightPlaces& places, uint32_t threads, const Progress& progress,
                      const std::stop_token& stop);

}  // namespace exogpu::engine
