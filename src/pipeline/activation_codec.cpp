#include "pipeline/activation_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace exogpu::pipeline {
namespace {

constexpr uint32_t kBlock = 32;  // of q8_0: an f16 scale, then as many signed bytes

uint16_t bf16_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);  // to the nearest, ties to even
}
float from_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

using Half = _Float16;

// Whether all of them can be used. A sum would not do: infinities of two signs, for example.
bool finite(std::span<const float> values) {
  uint32_t bad = 0;
  for (const float value : values)
    bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & 0x7F800000) == 0x7F800000);
  return bad == 0;
}

template <typename T>
void put(std::byte*& to, T value) {
  std::memcpy(to, &value, sizeof(value));
  to += sizeof(value);
}
template <typename T>
T take(const std::byte*& from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  from += sizeof(value);
  return value;
}

// False where a value does not fit.
bool encode_row(wire::Dtype dtype, std::span<const float> row, std::byte* to) {
  switch (dtype) {
    case wire::Dtype::f32: std::memcpy(to, row.data(), row.size_bytes()); return true;
    case wire::Dtype::f16: {
      float largest = 0;
      for (const float value : row) {
        largest = std::max(largest, std::abs(value));
        put(to, static_cast<Half>(value));
      }
      return largest < 65520.0F;  // from here on the nearest is infinity
    }
    case wire::Dtype::bf16: {
      bool fits = true;
      for (const float value : row) {
        const uint16_t bits = bf16_of(value);
        fits &= (bits & 0x7F80) != 0x7F80;
        put(to, bits);
      }
      return fits;
    }
    case wire::Dtype::q8_0:
      for (size_t at = 0; at < row.size(); at += kBlock) {
        const auto block = row.subspan(at, kBlock);
        float largest = 0;
        for (const float value : block) largest = std::max(largest, std::abs(value));
        const auto scale = static_cast<Half>(largest / 127);
        const auto step = static_cast<float>(scale);
        if (!std::isfinite(step)) return false;
        put(to, scale);
        const float inverse = step > 0 ? 1 / step : 0;
        for (const float value : block) {
          put(to, static_cast<int8_t>(std::lround(std::clamp(value * inverse, -127.0F, 127.0F))));
        }
      }
      return true;
    case wire::Dtype::i32: return false;
  }
  return false;
}

void decode_row(wire::Dtype dtype, const std::byte* from, std::span<float> row) {
  switch (dtype) {
    case wire::Dtype::f32:
    case wire::Dtype::i32: std::memcpy(row.data(), from, row.size_bytes()); return;
    case wire::Dtype::f16:
      for (float& value : row) value = static_cast<float>(take<Half>(from));
      return;
    case wire::Dtype::bf16:
      for (float& value : row) value = from_bf16(take<uint16_t>(from));
      return;
    case wire::Dtype::q8_0:
      for (size_t at = 0; at < row.size(); at += kBlock) {
        const auto step = static_cast<float>(take<Half>(from));
        for (float& value : row.subspan(at, kBlock)) value = step * static_cast<float>(take<int8_t>(from));
      }
      return;
  }
}

}  // namespace

Result<void> encode_rows(wire::Dtype dtype, std::span<const float> rows, uint32_t columns, std::span<std::byte> out) {
  const auto row_bytes = wire::row_bytes(dtype, columns);
  if (!row_bytes || dtype == wire::Dtype::i32 || rows.size() % columns != 0 ||
      rows.size() / columns * *row_bytes != out.size()) {
    return fail(ErrorCode::invalid_argument, "activations of {} columns cannot be sent as {}", columns,
                wire::to_string(dtype));
  }
  for (size_t row = 0; row < rows.size() / columns; ++row) {
    const auto values = rows.subspan(row * columns, columns);
    if (!finite(values)) return fail(ErrorCode::corrupt, "row {} of the activations is not finite", row);
    if (!encode_row(dtype, values, out.data() + row * *row_bytes)) {
      return fail(ErrorCode::corrupt, "row {} of the activations is too large for {}; send them as f32 or bf16", row,
                  wire::to_string(dtype));
    }
  }
  return {};
}

Result<void> decode_rows(wire::Dtype dtype, std::span<const std::byte> in, uint32_t columns, std::span<float> out) {
  const auto row_bytes = wire::row_bytes(dtype, columns);
  if (!row_bytes || dtype == wire::Dtype::i32 || out.size() % columns != 0 ||
      out.size() / columns * *row_bytes != in.size()) {
    return fail(ErrorCode::corrupt, "{} bytes are not activations of {} columns as {}", in.size(), columns,
                wire::to_string(dtype));
  }
  for (size_t row = 0; row < out.size() / columns; ++row) {
    const auto values = out.subspan(row * columns, columns);
    decode_row(dtype, in.data() + row * *row_bytes, values);
    if (!finite(values)) return fail(ErrorCode::corrupt, "row {} of the activations is not finite", row);
  }
  return {};
}

}  // namespace exogpu::pipeline
