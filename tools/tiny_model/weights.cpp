#include "tiny_model/weights.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace exogpu::tiny {
namespace {

// Rounds to nearest, ties to even. Finite values within the range of a half only.
uint16_t to_half(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7FFF'FFFF;
  // Adding 0.5 to something below 2^-14 leaves the half's subnormal bits at the end of the float's fraction.
  if (magnitude < 0x3880'0000) {
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5F)));
  }
  const uint32_t odd = magnitude >> 13 & 1;
  return static_cast<uint16_t>(sign | (magnitude - 0x3800'0000 + 0xFFF + odd) >> 13);
}

// Likewise. Finite values only.
uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

template <typename T>
void put(std::vector<std::byte>& out, T value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof(T));
}

// A block: the scale as a half, then 32 signed bytes.
void put_q8_0(std::vector<std::byte>& out, std::span<const float, 32> block) {
  float largest = 0;
  for (float value : block) largest = std::max(largest, std::abs(value));
  const float scale = largest / 127;
  put(out, to_half(scale));
  for (float value : block) put(out, static_cast<int8_t>(scale > 0 ? std::round(value / scale) : 0));
}

// A block: the scale as a half, then 32 numbers of four bits, of which the second 16 are the upper halves of the bytes.
void put_q4_0(std::vector<std::byte>& out, std::span<const float, 32> block) {
  const float largest = *std::ranges::max_element(block, {}, [](float value) { return std::abs(value); });
  const float scale = largest / -8;
  put(out, to_half(scale));
  const auto code = [scale](float value) {
    return static_cast<uint8_t>(scale == 0 ? 8 : std::clamp(std::round(value / scale) + 8, 0.0F, 15.0F));
  };
  for (size_t i = 0; i < 16; ++i) put(out, static_cast<uint8_t>(code(block[i]) | code(block[i + 16]) << 4));
}

// A block: the exponent of its scale, then 32 numbers of four bits in the same order.
void put_mxfp4(std::vector<std::byte>& out, std::span<const float, 32> block) {
  static constexpr std::array<float, 8> sizes = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  float largest = 0;
  for (float value : block) largest = std::max(largest, std::abs(value));
  const int exponent = largest > 0 ? std::ilogb(largest) - 2 : 0;  // the largest is then 4 to 8 times the scale
  put(out, static_cast<uint8_t>(exponent + 127));
  const auto code = [exponent](float value) {
    const float scaled = std::ldexp(std::abs(value), -exponent);
    const auto near = std::ranges::min_element(sizes, {}, [scaled](float size) { return std::abs(size - scaled); });
    return static_cast<uint8_t>((value < 0 ? 8 : 0) + (near - sizes.begin()));
  };
  for (size_t i = 0; i < 16; ++i) put(out, static_cast<uint8_t>(code(block[i]) | code(block[i + 16]) << 4));
}

}  // namespace

float Noise::next() {
  state_ += 0x9E37'79B9'7F4A'7C15;  // SplitMix64
  uint64_t bits = state_;
  bits = (bits ^ bits >> 30) * 0xBF58'476D'1CE4'E5B9;
  bits = (bits ^ bits >> 27) * 0x94D0'49BB'1331'11EB;
  bits ^= bits >> 31;
  const auto sum = static_cast<int32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48));
  // Four numbers of [0, 65535]: mean 131070, standard deviation 65536 / sqrt(3).
  return static_cast<float>(sum - 131070) * (1.7320508F / 65536);
}

model::TensorType tensor_type(MatrixType type) {
  switch (type) {
    case MatrixType::f32: return model::TensorType::f32;
    case MatrixType::f16: return model::TensorType::f16;
    case MatrixType::bf16: return model::TensorType::bf16;
    case MatrixType::q8_0: return model::TensorType::q8_0;
    case MatrixType::q4_0: return model::TensorType::q4_0;
    case MatrixType::mxfp4: return model::TensorType::mxfp4;
  }
  return model::TensorType::f32;
}

std::vector<std::byte> encode(std::span<const float> values, MatrixType type) {
  std::vector<std::byte> out;
  switch (type) {
    case MatrixType::f32:
      out.resize(values.size_bytes());
      std::memcpy(out.data(), values.data(), out.size());
      break;
    case MatrixType::f16:
      out.reserve(values.size() * 2);
      for (float value : values) put(out, to_half(value));
      break;
    case MatrixType::bf16:
      out.reserve(values.size() * 2);
      for (float value : values) put(out, to_bf16(value));
      break;
    case MatrixType::q8_0:
      out.reserve(values.size() / 32 * 34);
      for (size_t at = 0; at + 32 <= values.size(); at += 32) put_q8_0(out, values.subspan(at).first<32>());
      break;
    case MatrixType::q4_0:
      out.reserve(values.size() / 32 * 18);
      for (size_t at = 0; at + 32 <= values.size(); at += 32) put_q4_0(out, values.subspan(at).first<32>());
      break;
    case MatrixType::mxfp4:
      out.reserve(values.size() / 32 * 17);
      for (size_t at = 0; at + 32 <= values.size(); at += 32) put_mxfp4(out, values.subspan(at).first<32>());
      break;
  }
  return out;
}

}  // namespace exogpu::tiny
