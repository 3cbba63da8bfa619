// Which tensors of a model a run of its layers reads, by their names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/layer_range.h"

namespace exogpu::model {

// The layer of "blk.LAYER.…"; empty for a tensor that is of no layer.
std::optional<uint32_t> layer_of(std::string_view tensor);

// Whether a shard with `layers` of a model of `n_layers` reads this tensor. `tied`: there is no output.weight, so the
// last layer's shard reads the embedding too. A tensor of no layer and of no known use counts as read by all shards;
// a shard without layers reads none.
bool shard_reads(std::string_view tensor, wire::LayerRange layers, uint32_t n_layers, bool tied);

}  // namespace exogpu::model
