// GLM-4 (norms on both sides of attention and feed-forward) and GLM-4.x with experts.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {
namespace {

// The text part of the vision models has positions with axes.
Result<void> choose_glm_rope(const Metadata& file, Architecture& a, Rope::Pairs pairs) {
  a.rope.pairs = pairs;
  return file.has("rope.dimension_sections") ? read_rope_axes(file, a, Rope::Pairs::sections) : Result<void>();
}

}  // namespace

Result<void> describe_glm4(const Metadata& file, Architecture& a) {
  a.post_norm = true;
  return choose_glm_rope(file, a, Rope::Pairs::adjacent);
}

Result<void> describe_glm4_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(choose_glm_rope(file, a, Rope::Pairs::halves));
  read_qk_norm(file, a);
  a.feed_forward_norm = "post_attention_norm.weight";
  if (!file.has("expert_gating_func")) a.experts.gating = Gating::sigmoid;
  EXO_TRY(a.experts.normalised, file.flag_or("expert_weights_norm", true));
  return read_leading_dense(file, a);
}

}  // namespace exogpu::engine
