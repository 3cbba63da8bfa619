// The tensors of a layer and of the model's two ends, as the architecture has them.
#pragma once

#include "engine/families/architecture.h"
#include "engine/tensors/weight_places.h"
#include "engine/tensors/weights.h"

namespace exogpu::engine {

// Errors of each: those of WeightPlaces::add().
Result<LayerWeights> add_layer(WeightPlaces& places, const Architecture& a, uint32_t index);

// The embedding and the head, as far as `layers` need them. Where they are one tensor of the file and the device
// computes with both in plain memory, they are one here too. With a budget an embedding of its own stays in the file.
Result<void> add_ends(WeightPlaces& places, const Architecture& a, wire::LayerRange layers, ModelWeights& weights);

// `context` picks between short and long rope factors.
Result<void> add_rope_factors(WeightPlaces& places, const Architecture& a, uint32_t context, ModelWeights& weights);

}  // namespace exogpu::engine
