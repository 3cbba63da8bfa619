// Qwen2 (biases on q, k, v: found by their tensors), Qwen3 (norms on q and k), their mixtures of experts, and the text
// part of their vision models.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_qwen2(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  return {};
}

Result<void> describe_qwen2_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_qwen2(file, a));
  a.experts.normalised = false;
  return use_experts_from(file, a, 0);
}

Result<void> describe_qwen2_vl(const Metadata& file, Architecture& a) {
  return read_rope_axes(file, a, Rope::Pairs::sections);
}

Result<void> describe_qwen3(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.qk_norm = QkNorm::per_head;
  return {};
}

Result<void> describe_qwen3_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_qwen3(file, a));
  return use_experts_from(file, a, 0);
}

Result<void> describe_qwen3_vl(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_qwen3(file, a));
  return read_rope_axes(file, a, Rope::Pairs::interleaved_sections);
}

Result<void> describe_qwen3_vl_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_qwen3_vl(file, a));
  return use_experts_from(file, a, 0);
}

}  // namespace exogpu::engine
