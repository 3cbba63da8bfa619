#include "model/tensor_type.h"

#include <array>
#include <format>

namespace exogpu::model {
namespace {

// By id; an empty name marks an unused id.
constexpr std::array<TensorTypeInfo, 44> kTypes = [] {
  std::array<TensorTypeInfo, 44> types{};
  auto set = [&](TensorType type, std::string_view name, uint32_t elements, uint32_t bytes) {
    types[static_cast<uint32_t>(type)] = {name, elements, bytes};
  };
  using enum TensorType;
  set(f32, "F32", 1, 4);
  set(f16, "F16", 1, 2);
  set(bf16, "BF16", 1, 2);
  set(f8_e4m3, "F8_E4M3", 1, 1);
  set(f64, "F64", 1, 8);
  set(i8, "I8", 1, 1);
  set(i16, "I16", 1, 2);
  set(i32, "I32", 1, 4);
  set(i64, "I64", 1, 8);
  set(q4_0, "Q4_0", 32, 18);
  set(q4_1, "Q4_1", 32, 20);
  set(q5_0, "Q5_0", 32, 22);
  set(q5_1, "Q5_1", 32, 24);
  set(q8_0, "Q8_0", 32, 34);
  set(q8_1, "Q8_1", 32, 36);
  set(q2_k, "Q2_K", 256, 84);
  set(q3_k, "Q3_K", 256, 110);
  set(q4_k, "Q4_K", 256, 144);
  set(q5_k, "Q5_K", 256, 176);
  set(q6_k, "Q6_K", 256, 210);
  set(q8_k, "Q8_K", 256, 292);
  set(iq1_s, "IQ1_S", 256, 50);
  set(iq1_m, "IQ1_M", 256, 56);
  set(iq2_xxs, "IQ2_XXS", 256, 66);
  set(iq2_xs, "IQ2_XS", 256, 74);
  set(iq2_s, "IQ2_S", 256, 82);
  set(iq3_xxs, "IQ3_XXS", 256, 98);
  set(iq3_s, "IQ3_S", 256, 110);
  set(iq4_nl, "IQ4_NL", 32, 18);
  set(iq4_xs, "IQ4_XS", 256, 136);
  set(tq1_0, "TQ1_0", 256, 54);
  set(tq2_0, "TQ2_0", 256, 66);
  set(mxfp4, "MXFP4", 32, 17);
  set(nvfp4, "NVFP4", 64, 36);
  set(q1_0, "Q1_0", 128, 18);
  set(q2_0, "Q2_0", 64, 18);
  return types;
}();

}  // namespace

const TensorTypeInfo* tensor_type_info(TensorType type) {
  auto id = static_cast<uint32_t>(type);
  if (id >= kTypes.size() || kTypes[id].name.empty()) return nullptr;
  return &kTypes[id];
}

std::string tensor_type_name(TensorType type) {
  const TensorTypeInfo* info = tensor_type_info(type);
  return info ? std::string(info->name) : std::format("type {}", static_cast<uint32_t>(type));
}

std::string_view removed_tensor_type(uint32_t id) {
  switch (id) {
    case 4: return "Q4_2";
    case 5: return "Q4_3";
    case 31: return "Q4_0_4_4";
    case 32: return "Q4_0_4_8";
    case 33: return "Q4_0_8_8";
    case 36: return "IQ4_NL_4_4";
    case 37: return "IQ4_NL_4_8";
    case 38: return "IQ4_NL_8_8";
    default: return {};
  }
}

}  // namespace exogpu::model
