// DeepSeek V2, V3, R1, Kimi K2: multi-head latent attention, and experts of which groups are chosen first.
#include <cmath>

#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {
namespace {

Result<void> read_latent(const Metadata& file, LatentAttention& l, const LayerSpec& heads) {
  EXO_TRY(l.q_rank, file.count_or("attention.q_lora_rank", 0));
  EXO_TRY(l.kv_rank, file.count("attention.kv_lora_rank"));
  EXO_TRY(l.rope, file.count("rope.dimension_count"));
  EXO_TRY(const uint32_t k, file.count_or("attention.key_length_mla", 0));
  EXO_TRY(l.v, file.count_or("attention.value_length_mla", 0));
  l.absorbed = k > 0 && l.v > 0;
  if (!l.absorbed) l.v = heads.head_dim_v;
  const uint32_t head = l.absorbed ? k : heads.head_dim_k;
  if (head <= l.rope) return file.corrupt("rope.dimension_count", "leaves no elements that do not rotate");
  l.nope = head - l.rope;
  return {};
}

// YaRN's factors of a model whose keys only partly rotate: attention is scaled as a whole, and the rotation is not.
Result<void> scale_latent_attention(const Metadata& file, Architecture& a) {
  constexpr float converter = 0.1F;  // by which the file's multiplier was scaled
  EXO_TRY(const float given, file.number_or("rope.scaling.yarn_log_multiplier", 0.0F));
  EXO_TRY(const float attention_factor, file.number_or("rope.scaling.attn_factor", 1.0F));
  Rope& rope = a.rope;
  const float multiplier = given / converter;
  const float stretch = rope.extrapolation != 0.0F ? std::log(1.0F / rope.frequency_scale) : 0.0F;
  rope.attention_factor = attention_factor;
  if (given != 0.0F) rope.attention_factor /= 1.0F + 0.1F * stretch;
  const float scale = rope.attention_factor * (1.0F + 0.1F * stretch) * (1.0F + 0.1F * multiplier * stretch);
  a.attention_scale = scale * scale / std::sqrt(static_cast<float>(a.latent.head_dim()));
  return {};
}

}  // namespace

Result<void> describe_deepseek2(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  EXO_CHECK(read_latent(file, a.latent, a.layers.front()));
  EXO_CHECK(scale_latent_attention(file, a));
  const LatentAttention& latent = a.latent;
  for (LayerSpec& layer : a.layers) {
    layer.mixer = Mixer::latent_attention;
    layer.n_kv_heads = latent.absorbed ? 1 : layer.n_heads;
    layer.head_dim_k = latent.absorbed ? latent.kv_rank + latent.rope : latent.head_dim();
    layer.head_dim_v = latent.absorbed ? latent.kv_rank : latent.v;
  }
  EXO_CHECK(read_temperature(file, a));
  if (a.experts.count == 0) return {};
  EXO_TRY(a.experts.normalised, file.flag_or("expert_weights_norm", false));
  return read_leading_dense(file, a);
}

}  // namespace exogpu::engine
