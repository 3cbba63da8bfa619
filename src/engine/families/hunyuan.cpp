// Hunyuan: norms on queries and keys after their rotation; dense or with experts.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_hunyuan_dense(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.qk_norm = QkNorm::per_head;
  a.qk_norm_rotated = true;
  return {};
}

Result<void> describe_hunyuan_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_hunyuan_dense(file, a));
  a.experts.d_ff = a.layers.front().d_ff;
  return use_experts_from(file, a, 0);
}

}  // namespace exogpu::engine
