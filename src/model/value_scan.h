// Finds weights that are not numbers: NaN and infinities, in plain elements and in the scales of quantised blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/tensor_type.h"

namespace exogpu::model {

struct NonFinite {
  uint64_t count = 0;  // blocks that hold one; for unquantised types a block is one element
  uint64_t first = 0;  // index of the first element of the first such block
};

// `data` is a whole number of blocks of `type`, a known one. Integer types are always finite.
NonFinite find_non_finite(TensorType type, std::span<const std::byte> data);

}  // namespace exogpu::model
