// The bytes of a tensor as a device holds it, put together from those of the file.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/tensors/weight_places.h"

namespace exogpu::engine {

// Reads the shard's bytes of one of the file's tensors; `out` has WeightPlaces::bytes_of().
using ReadTensor = std::function<Result<void>(const model::TensorInfo& source, std::span<std::byte> out)>;

// The memory for the steps of a thread that fills tensors.
struct Scratch {
  std::vector<std::byte> whole;
  std::vector<std::byte> source;
};

// Joins the sources of `p` and converts them where the device holds another type. The result is in `scratch`. Errors:
// those of `read`; unsupported, naming a tensor with a value that the other type lacks.
Result<std::span<const std::byte>> assemble(const WeightPlaces& places, const Placed& p, const ReadTensor& read,
                                            Scratch& scratch);

// What `scratch` grows to for this tensor.
Bytes scratch_bytes(const WeightPlaces& places, const Placed& p);

}  // namespace exogpu::engine
