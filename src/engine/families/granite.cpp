// Granite 3 and 4: Llama's block with four scales from the file; the hybrids have Mamba-2 in most layers.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> read_granite_scales(const Metadata& file, Architecture& a) {
  EXO_TRY(a.embedding_scale, file.number_or("embedding_scale", 1.0F));
  EXO_TRY(a.residual_scale, file.number_or("residual_scale", 1.0F));
  EXO_TRY(float attention_scale, file.number_or("attention.scale", 0.0F));
  if (attention_scale != 0.0F) a.attention_scale = attention_scale;
  EXO_TRY(float logit_divisor, file.number_or("logit_scale", 1.0F));
  if (logit_divisor == 0.0F)
    return fail(ErrorCode::corrupt, "{}: {} must not be 0", file.file().path().string(), file.key("logit_scale"));
  a.logit_scale = 1.0F / logit_divisor;
  if (a.embedding_scale == 0.0F) a.embedding_scale = 1.0F;
  if (a.residual_scale == 0.0F) a.residual_scale = 1.0F;
  EXO_TRY(const bool rotates, file.flag_or("rope.scaling.finetuned", true));
  for (LayerSpec& layer : a.layers) layer.rotates = rotates;
  return {};
}

Result<void> describe_granite(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  return read_granite_scales(file, a);
}

Result<void> describe_granite_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_granite(file, a));
  return use_experts_from(file, a, 0);
}

Result<void> describe_granite_hybrid(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_granite(file, a));
  if (a.experts.count > 0) EXO_CHECK(use_experts_from(file, a, 0));
  for (LayerSpec& layer : a.layers)
    if (layer.n_kv_heads == 0) layer.mixer = Mixer::mamba2;
  return read_mamba2(file, a);
}

}  // namespace exogpu::engine
