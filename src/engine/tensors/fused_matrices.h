// Matrices of one input, joined where one product can serve them all.
#pragma once

#include <initializer_list>
#include <span>
#include <string>

#include "engine/tensors/weight_places.h"
#include "engine/tensors/weights.h"

namespace exogpu::engine {

// PREFIX.weight and PREFIX.bias.
struct PartName {
  std::string prefix;
  uint32_t rows;
};

// PREFIX.weight, and PREFIX.bias where the file has one.
Result<Matrix> add_matrix(WeightPlaces& places, const std::string& prefix, uint32_t d_in, uint32_t d_out);

// PREFIX.weight and, where the file has one, PREFIX.bias of a norm.
Result<Norm> add_norm(WeightPlaces& places, const std::string& prefix, uint32_t n);

// Joins the longest runs of neighbours that may be joined.
Result<FusedMatrices> fuse(WeightPlaces& places, std::span<const PartName> names, uint32_t d_in);

// In the model's last layer few tokens need queries, so these keep a matrix of their own.
Result<FusedMatrices> fuse_qkv(WeightPlaces& places, std::span<const PartName, 3> names, uint32_t d_in,
                               bool queries_apart);

// One tensor of the file that already holds several parts.
Result<FusedMatrices> split(WeightPlaces& places, const std::string& prefix, uint32_t d_in,
                            std::initializer_list<uint32_t> rows);

}  // namespace exogpu::engine
