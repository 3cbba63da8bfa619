// Activations as they travel: F32 exactly, or in a smaller type that costs some accuracy.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "wire/dtype.h"

namespace exogpu::pipeline {

// `rows`: [n, columns]. Writes n rows of wire::row_bytes(dtype, columns) bytes each to `out`.
//
// Relative error of a value at most: f16 2^-11 (values below 6e-5 lose more), bf16 2^-8 (below 1e-38 more); q8_0 an
// error of at most 1/254 of the largest value among 32 neighbours, and the rounding of that scale to f16.
//
// Errors: corrupt, with the row, where a value is not finite or too large for the type. What is in `out` is then not to
// be used. invalid_argument: the type is no activation's, or the sizes do not belong together.
Result<void> encode_rows(wire::Dtype dtype, std::span<const float> rows, uint32_t columns, std::span<std::byte> out);

// Errors: corrupt, with the row, where a value is not finite. `out`: [n, columns].
Result<void> decode_rows(wire::Dtype dtype, std::span<const std::byte> in, uint32_t columns, std::span<float> out);

}  // namespace exogpu::pipeline
