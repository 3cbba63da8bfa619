// Finds NaN and infinities in weights: in plain elements and in the scales of quantised blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/tensor_type.h"

namespace exogpu::model {

struct NonFinite {
  uint64_t count = 0;  // blocks with such a value; for unquantised types a block is one element
  uint64_t first = 0;  // index of the first element of the first such block
};

// `data` has whole blocks of `type`, which is known. Integer types are always finite.
NonFinite find_non_finite(TensorType type, std::span<const std::byte> data);

}  // namespace exogpu::model
