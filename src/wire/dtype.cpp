#include "wire/dtype.h"

namespace exogpu::wire {

std::string_view to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return "f32";
    case Dtype::f16: return "f16";
    case Dtype::bf16: return "bf16";
    case Dtype::q8_0: return "q8_0";
    case Dtype::i32: return "i32";
  }
  return "?";
}

std::optional<Dtype> dtype_from(uint8_t number) {
  if (number < static_cast<uint8_t>(Dtype::f32) || number > static_cast<uint8_t>(Dtype::i32)) return std::nullopt;
  return static_cast<Dtype>(number);
}

std::optional<Bytes> row_bytes(Dtype dtype, uint32_t columns) {
  if (columns == 0) return std::nullopt;
  switch (dtype) {
    case Dtype::f32:
    case Dtype::i32: return Bytes{columns} * 4;
    case Dtype::f16:
    case Dtype::bf16: return Bytes{columns} * 2;
    case Dtype::q8_0: return columns % 32 == 0 ? std::optional(Bytes{columns} / 32 * 34) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace exogpu::wire
