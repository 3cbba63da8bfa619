#include "gpu/layouts/conversion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace exogpu::gpu {
namespace {

constexpr size_t kBlock = 32;
constexpr float kMost = 127;
constexpr float kHalfMost = 65504;
constexpr ggml_fp16_t kHalfInfinity = 0x7c00;

// As GGUF files have it.
struct Q8Block {
  ggml_fp16_t scale;
  std::array<int8_t, kBlock> values;
};
static_assert(sizeof(Q8Block) == 34);

struct Extent {
  float least = std::numeric_limits<float>::infinity();  // of the magnitudes that are not 0
  float most = 0;
};

Extent extent_of(std::span<const float> values) {
  Extent extent;
  for (const float value : values) {
    const float size = std::abs(value);
    if (size > 0) extent.least = std::min(extent.least, size);
    extent.most = std::max(extent.most, size);
  }
  return extent;
}

// A scale of which each value is a whole multiple. Types of few bits have one: it is the least of a block's values, or
// a half or a third of that. 0 where there is none.
ggml_fp16_t exact_scale(std::span<const float> values, const Extent& extent) {
  for (const float divisor : {1.0F, 2.0F, 3.0F}) {
    const ggml_fp16_t half = ggml_fp32_to_fp16(extent.least / divisor);
    const float scale = ggml_fp16_to_fp32(half);
    if (scale == 0 || extent.most > kMost * scale) continue;
    if (std::ranges::all_of(values, [&](float value) { return std::nearbyint(value / scale) * scale == value; }))
      return half;
  }
  return 0;
}

// The least half of which the largest value is no more than 127 times; infinity where there is none.
ggml_fp16_t covering_scale(float most) {
  ggml_fp16_t half = ggml_fp32_to_fp16(most / kMost);
  while (half < kHalfInfinity && ggml_fp16_to_fp32(half) * kMost < most) ++half;
  return half;
}

Result<void> out_of_range(float value, ggml_type to) {
  return fail(ErrorCode::unsupported, "its value {} has no place in {}", value, ggml_type_name(to));
}

Result<void> to_q8(std::span<const float> values, std::span<std::byte> out) {
  for (size_t at = 0; at < values.size(); at += kBlock, out = out.subspan(sizeof(Q8Block))) {
    const auto block = values.subspan(at, kBlock);
    if (const auto bad = std::ranges::find_if_not(block, [](float v) { return std::isfinite(v); }); bad != block.end())
      return out_of_range(*bad, GGML_TYPE_Q8_0);
    const Extent extent = extent_of(block);
    Q8Block result{};
    if (extent.most > 0) {
      result.scale = exact_scale(block, extent);
      if (result.scale == 0) result.scale = covering_scale(extent.most);
      if (result.scale >= kHalfInfinity) return out_of_range(extent.most, GGML_TYPE_Q8_0);
      const float scale = ggml_fp16_to_fp32(result.scale);
      std::ranges::transform(block, result.values.begin(),
                             [scale](float value) { return static_cast<int8_t>(std::nearbyint(value / scale)); });
    }
    std::memcpy(out.data(), &result, sizeof(result));
  }
  return {};
}

Result<void> to_half(std::span<const float> values, std::span<std::byte> out) {
  // No rounding makes a value that is beyond the largest half one that is not: not a number is refused, too.
  for (const float value : values)
    if (!(std::abs(value) <= kHalfMost)) return out_of_range(value, GGML_TYPE_F16);
  ggml_fp32_to_fp16_row(values.data(), reinterpret_cast<ggml_fp16_t*>(out.data()), static_cast<int64_t>(values.size()));
  return {};
}

Result<void> from_floats(std::span<const float> values, ggml_type to, std::span<std::byte> out) {
  if (to == GGML_TYPE_Q8_0) return to_q8(values, out);
  if (to == GGML_TYPE_F16) return to_half(values, out);
  std::memcpy(out.data(), values.data(), values.size_bytes());
  return {};
}

}  // namespace

std::vector<ggml_type> conversions_of(ggml_type from) {
  if (from == GGML_TYPE_BF16) return {GGML_TYPE_F16, GGML_TYPE_F32};
  if (from == GGML_TYPE_F16) return {GGML_TYPE_F32};
  if (from == GGML_TYPE_F8_E4M3) return {GGML_TYPE_F16, GGML_TYPE_F32};
  const bool readable = ggml_is_quantized(from) && ggml_get_type_traits(from)->to_float != nullptr;
  if (readable && from != GGML_TYPE_Q8_0) return {GGML_TYPE_Q8_0};
  return {};
}

double growth_of(ggml_type from, ggml_type to) {
  const auto bytes_per_value = [](ggml_type type) {
    return static_cast<double>(ggml_type_size(type)) / static_cast<double>(ggml_blck_size(type));
  };
  return bytes_per_value(to) / bytes_per_value(from);
}

std::string_view error_bound(ggml_type from, ggml_type to) {
  if (to == GGML_TYPE_F32 || from == GGML_TYPE_F8_E4M3) return "exactly";
  if (to == GGML_TYPE_F16) return "exactly but for values below 2^-14, which change by at most 2^-25";
  if (from == GGML_TYPE_MXFP4 || from == GGML_TYPE_TQ1_0 || from == GGML_TYPE_TQ2_0) {
    return "exactly where the scale of a block is one of F16";
  }
  return "each value changes by at most 1/253 of the largest of its block";
}

Result<void> convert_rows(ggml_type from, std::span<const std::byte> in, ggml_type to, std::span<std::byte> out,
                          size_t row) {
  const size_t in_row = ggml_row_size(from, static_cast<int64_t>(row));
  const size_t out_row = ggml_row_size(to, static_cast<int64_t>(row));
  const auto to_float = ggml_get_type_traits(from)->to_float;
  std::vector<float> values(row);
  for (; in.size() >= in_row; in = in.subspan(in_row), out = out.subspan(out_row)) {
    to_float(in.data(), values.data(), static_cast<int64_t>(row));
    EXO_CHECK(from_floats(values, to, out.first(out_row)));
  }
  return {};
}

}  // namespace exogpu::gpu
