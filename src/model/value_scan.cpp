#include "model/value_scan.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace exogpu::model {
namespace {

// The positions of scales in the block formats. A format is a number format and byte positions in the block.
enum class ScaleFormat {
  none,
  f16,
  f32,
  e8m0,          // only an exponent
  ue4m3,         // unsigned, 4 exponent and 3 mantissa bits
  f16_scattered  // one f16 in the high four bits of four u16, lowest bits first
};

struct Scales {
  ScaleFormat format = ScaleFormat::none;
  uint8_t count = 0;
  std::array<uint8_t, 4> at = {};
};

constexpr Scales f16_at(uint8_t a) { return {ScaleFormat::f16, 1, {a}}; }
constexpr Scales f16_at(uint8_t a, uint8_t b) { return {ScaleFormat::f16, 2, {a, b}}; }

constexpr Scales scales_of(TensorType type) {
  switch (type) {
    case TensorType::q4_0:
    case TensorType::q5_0:
    case TensorType::q8_0:
    case TensorType::q1_0:
    case TensorType::q2_0:
    case TensorType::iq1_s:
    case TensorType::iq2_xxs:
    case TensorType::iq2_xs:
    case TensorType::iq2_s:
    case TensorType::iq3_xxs:
    case TensorType::iq3_s:
    case TensorType::iq4_nl:
    case TensorType::iq4_xs: return f16_at(0);
    case TensorType::q4_1:
    case TensorType::q5_1:
    case TensorType::q8_1:
    case TensorType::q4_k:
    case TensorType::q5_k: return f16_at(0, 2);
    case TensorType::q2_k: return f16_at(80, 82);
    case TensorType::q3_k: return f16_at(108);
    case TensorType::q6_k: return f16_at(208);
    case TensorType::tq1_0: return f16_at(52);
    case TensorType::tq2_0: return f16_at(64);
    case TensorType::q8_k: return {ScaleFormat::f32, 1, {0}};
    case TensorType::iq1_m: return {ScaleFormat::f16_scattered, 1, {48}};
    case TensorType::mxfp4: return {ScaleFormat::e8m0, 1, {0}};
    case TensorType::nvfp4: return {ScaleFormat::ue4m3, 4, {0, 1, 2, 3}};
    default: return {};
  }
}

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr bool f16_is_bad(uint16_t bits) { return (bits & 0x7C00U) == 0x7C00U; }
constexpr bool f32_is_bad(uint32_t bits) { return (bits & 0x7F800000U) == 0x7F800000U; }

bool scale_is_bad(ScaleFormat format, const std::byte* at) {
  switch (format) {
    case ScaleFormat::f16: return f16_is_bad(load<uint16_t>(at));
    case ScaleFormat::f32: return f32_is_bad(load<uint32_t>(at));
    case ScaleFormat::e8m0: return load<uint8_t>(at) == 0xFF;
    case ScaleFormat::ue4m3: return (load<uint8_t>(at) & 0x7F) == 0x7F;
    case ScaleFormat::f16_scattered: {
      unsigned bits = 0;
      for (unsigned i = 0; i < 4; ++i) bits |= unsigned{load<uint16_t>(at + 2 * i)} >> 12 << (4 * i);
      return f16_is_bad(static_cast<uint16_t>(bits));
    }
    case ScaleFormat::none: return false;
  }
  return false;
}

NonFinite scan_blocks(const Scales& scales, const TensorTypeInfo& info, std::span<const std::byte> data) {
  NonFinite found;
  for (size_t block = 0; block * info.block_bytes < data.size(); ++block) {
    const std::byte* at = data.data() + block * info.block_bytes;
    bool bad = false;
    for (uint8_t i = 0; i < scales.count; ++i) bad |= scale_is_bad(scales.format, at + scales.at[i]);
    if (bad && found.count++ == 0) found.first = uint64_t{block} * info.block_elements;
  }
  return found;
}

// Counts values whose bits `exponent` are all ones.
template <typename Bits>
NonFinite scan_elements(Bits exponent, std::span<const std::byte> data) {
  constexpr size_t kChunk = 1024;  // elements; constant, so that the compiler vectorises the loop
  size_t n = data.size() / sizeof(Bits);
  auto bad = [&](size_t i) { return (load<Bits>(data.data() + i * sizeof(Bits)) & exponent) == exponent; };
  NonFinite found;
  for (size_t begin = 0; begin < n; begin += kChunk) {
    if (begin + kChunk <= n) {
      std::array<Bits, kChunk> chunk;
      std::memcpy(chunk.data(), data.data() + begin * sizeof(Bits), sizeof chunk);
      Bits any = 0;
      for (Bits value : chunk) any |= static_cast<Bits>((value & exponent) == exponent);
      if (any == 0) continue;
    }
    for (size_t i = begin; i < std::min(n, begin + kChunk); ++i) {
      if (bad(i) && found.count++ == 0) found.first = i;
    }
  }
  return found;
}

}  // namespace

NonFinite find_non_finite(TensorType type, std::span<const std::byte> data) {
  switch (type) {
    case TensorType::f16: return scan_elements<uint16_t>(0x7C00, data);
    case TensorType::bf16: return scan_elements<uint16_t>(0x7F80, data);
    case TensorType::f32: return scan_elements<uint32_t>(0x7F800000, data);
    case TensorType::f64: return scan_elements<uint64_t>(0x7FF0000000000000, data);
    case TensorType::f8_e4m3: return scan_elements<uint8_t>(0x7F, data);  // has no infinity
    default: break;
  }
  Scales scales = scales_of(type);
  if (scales.format == ScaleFormat::none) return {};
  return scan_blocks(scales, *tensor_type_info(type), data);
}

}  // namespace exogpu::model
