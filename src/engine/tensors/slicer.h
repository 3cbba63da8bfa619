// Which part of each tensor a shard has.
#pragma once

#include <functional>

#include "base/result.h"
#include "model/tensor_slice.h"

namespace exogpu::engine {

// Empty: all of each. Errors: corrupt, naming the tensor.
using Slicer = std::function<Result<model::TensorSlice>(const model::TensorInfo&)>;

}  // namespace exogpu::engine
