// Gemma 2 and 3: norms on both sides, GELU, scaled embeddings, layers with a sliding window.
#include <cmath>

#include "engine/families/family.h"

namespace exogpu::engine {
namespace {

Result<void> describe_common(const Metadata& file, Architecture& a, uint32_t period, uint32_t window_default) {
  a.rope.pairs = Rope::Pairs::halves;
  a.post_norm = true;
  a.activation = Activation::gelu;
  a.embedding_scale = std::sqrt(static_cast<float>(a.d_model));
  EXO_TRY(a.sliding.window, file.count_or("attention.sliding_window", window_default));
  a.sliding.period = a.sliding.window > 0 ? period : 0;
  EXO_TRY(a.logit_softcap, file.number_or("final_logit_softcapping", 0.0F));
  return {};
}

// The 27B models scale attention by the model's width over its heads, the smaller ones by the head's own width.
void scale_by_width(Architecture& a) {
  a.attention_scale = 1.0F / std::sqrt(static_cast<float>(a.d_model) / static_cast<float>(a.n_heads));
}

}  // namespace

Result<void> describe_gemma2(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_common(file, a, 2, 4096));
  EXO_TRY(a.attention_softcap, file.number_or("attn_logit_softcapping", 50.0F));
  EXO_TRY(a.logit_softcap, file.number_or("final_logit_softcapping", 30.0F));
  if (a.n_layers == 46) scale_by_width(a);
  a.rope_sliding = a.rope;
  return {};
}

Result<void> describe_gemma3(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_common(file, a, 6, 0));
  a.qk_norm = QkNorm::per_head;
  if (a.n_layers == 62) scale_by_width(a);
  a.rope_sliding = a.rope;
  a.rope_sliding.frequency_scale = 1.0F;
  a.rope_sliding.extrapolation = 0.0F;
  EXO_TRY(a.rope_sliding.base, file.number_or("rope.freq_base_swa", 10000.0F));
  return {};
}

}  // namespace exogpu::engine
