// Weights of a type that a device cannot compute with, held in another type with which it can.
//
//   from          to     each value changes by at most
//   BF16          F16    2^-25 where it is smaller than 2^-14, else not at all; a value beyond 65,504 is refused
//   BF16, F16     F32    not at all
//   quantised     Q8_0   1/253 of the largest value of its block of 32 and 2^-25; not at all where the values of the
//                        block are small multiples of a number that F16 has, as in MXFP4 and the ternary types
#pragma once

#include <ggml.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace exogpu::gpu {

// The types to which weights of this type can be converted, the one that is nearest in size first; often none.
std::vector<ggml_type> conversions_of(ggml_type from);

// How many times as many bytes the converted weights have.
double growth_of(ggml_type from, ggml_type to);

// For people: "each value changes by at most 1/253 of the largest of its block".
std::string_view error_bound(ggml_type from, ggml_type to);

// Converts rows of `row` values; `in` and `out` have the same whole number of them, and `to` is one of
// conversions_of(from). Errors: unsupported, when a value has no place in `to` (out of its range, or not finite): the
// message has the value, and the caller names the tensor.
Result<void> convert_rows(ggml_type from, std::span<const std::byte> in, ggml_type to, std::span<std::byte> out,
                          size_t row);

}  // namespace exogpu::gpu
