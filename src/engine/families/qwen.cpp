// Qwen2 (biases on q, k, v: found by their tensors), Qwen3 (norms on q and k) and Qwen3-MoE.
#include "engine/families/family.h"

namespace exogpu::engine {

Result<void> describe_qwen2(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  return {};
}

Result<void> describe_qwen3(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.qk_norm = QkNorm::per_head;
  return {};
}

Result<void> describe_qwen3_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_qwen3(file, a));
  if (a.experts.count == 0)
    return fail(ErrorCode::corrupt, "{}: {} is missing", file.file().path().string(), file.key("expert_count"));
  return {};
}

}  // namespace exogpu::engine
