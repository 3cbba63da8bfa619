// The weight types of GGUF files: ids, block sizes and bytes as the format defines them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/units.h"

namespace exogpu::model {

// Values are the ids written in GGUF files.
enum class TensorType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
  q2_0 = 42,
  f8_e4m3 = 43,
};

struct TensorTypeInfo {
  std::string_view name;    // "Q4_K"
  uint32_t block_elements;  // elements in one block; a row is a whole number of blocks
  uint32_t block_bytes;
};

// Null for an unknown id.
const TensorTypeInfo* tensor_type_info(TensorType type);

// "Q4_K"; "type 77" for an unknown id.
std::string tensor_type_name(TensorType type);

// The name of a type of older files that the format has removed ("Q4_0_4_4"), else empty.
std::string_view removed_tensor_type(uint32_t id);

}  // namespace exogpu::model
