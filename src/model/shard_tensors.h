// The tensors that a layer range reads, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/layer_range.h"

namespace exogpu::model {

// The layer of "blk.LAYER.…"; empty for a tensor outside the layers.
std::optional<uint32_t> layer_of(std::string_view tensor);

// Whether a shard with `layers` of a model of `n_layers` reads this tensor. `tied`: the model has no output.weight, so
// the shard of the last layer also reads the embedding. A tensor outside the layers with unknown use counts as read by
// all shards. A shard without layers reads none.
bool shard_reads(std::string_view tensor, wire::LayerRange layers, uint32_t n_layers, bool tied);

}  // namespace exogpu::model
