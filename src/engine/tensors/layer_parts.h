// The tensors of each part of a layer. `block` is the prefix of their names: "blk.7.".
#pragma once

#include <string>

#include "engine/families/architecture.h"
#include "engine/tensors/weight_places.h"
#include "engine/tensors/weights.h"

namespace exogpu::engine {

// Errors of each: those of WeightPlaces::add().
Result<AttentionWeights> add_attention(WeightPlaces& places, const Architecture& a, uint32_t index,
                                       const std::string& block);
Result<LatentWeights> add_latent(WeightPlaces& places, const Architecture& a, uint32_t index, const std::string& block);
Result<DeltaWeights> add_delta(WeightPlaces& places, const Architecture& a, const std::string& block);
Result<Mamba2Weights> add_mamba2(WeightPlaces& places, const Architecture& a, const std::string& block);
Result<ShortConvWeights> add_short_conv(WeightPlaces& places, const Architecture& a, const std::string& block);

// `suffix` follows each tensor's name: "ffn_up" + suffix.
Result<DenseWeights> add_dense(WeightPlaces& places, uint32_t d_model, uint32_t d_ff, const std::string& block,
                               const std::string& suffix, Activation activation);
Result<ExpertWeights> add_experts(WeightPlaces& places, const Architecture& a, const LayerSpec& layer,
                                  const std::string& block);

}  // namespace exogpu::engine
