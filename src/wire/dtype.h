// The types of the elements of an activation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"

namespace exogpu::wire {

// The numbers stand on the wire. Quantised types are laid out as in GGUF: blocks of 32 elements.
enum class Dtype : uint8_t { f32 = 1, f16 = 2, bf16 = 3, q8_0 = 4, i32 = 5 };

std::string_view to_string(Dtype dtype);
std::optional<Dtype> dtype_from(uint8_t number);

// Bytes of one row, or nothing when a row cannot have that many columns (a part of a block, or none).
std::optional<Bytes> row_bytes(Dtype dtype, uint32_t columns);

}  // namespace exogpu::wire
