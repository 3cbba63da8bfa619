// Gemma 2 to 4: norms on both sides, GELU, scaled embeddings, layers with a sliding window; 3n and 4 also have a vector
// for each token and layer, and layers that attend to another layer's keys and values.
#include <algorithm>
#include <cmath>

#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {
namespace {

Result<void> describe_gemma(const Metadata& file, Architecture& a, uint32_t period, uint32_t window_default) {
  a.rope.pairs = Rope::Pairs::halves;
  a.post_norm = true;
  a.activation = Activation::gelu;
  a.embedding_scale = std::sqrt(static_cast<float>(a.d_model));
  EXO_CHECK(read_sliding(file, a, period, window_default));
  EXO_TRY(a.logit_softcap, file.number_or("final_logit_softcapping", 0.0F));
  return {};
}

// The 27B models scale attention by the model's width over its heads, the smaller ones by the head's own width.
void scale_by_width(Architecture& a) {
  a.attention_scale = 1.0F / std::sqrt(static_cast<float>(a.d_model) / static_cast<float>(a.layers.front().n_heads));
}

Result<void> read_local_rope(const Metadata& file, Architecture& a) {
  a.rope_sliding.frequency_scale = 1.0F;
  a.rope_sliding.extrapolation = 0.0F;
  EXO_TRY(a.rope_sliding.base, file.number_or("rope.freq_base_swa", 10000.0F));
  return {};
}

// Layers from `own` on attend to what the last layer of their kind before it wrote. These two are the last two.
Result<void> share_keys_and_values(const Metadata& file, Architecture& a, uint32_t own) {
  if (own >= a.n_layers) return {};
  if (own < 2) return file.corrupt("attention.shared_kv_layers", "leaves no layers that write keys and values");
  for (uint32_t i = own; i < a.n_layers; ++i) a.layers[i].kv_layer = own - (a.layers[i].sliding ? 2 : 1);
  return {};
}

}  // namespace

Result<void> describe_gemma2(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_gemma(file, a, 2, 4096));
  EXO_TRY(a.attention_softcap, file.number_or("attn_logit_softcapping", 50.0F));
  EXO_TRY(a.logit_softcap, file.number_or("final_logit_softcapping", 30.0F));
  if (a.n_layers == 46) scale_by_width(a);
  return {};
}

Result<void> describe_gemma3(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_gemma(file, a, 6, 0));
  a.qk_norm = QkNorm::per_head;
  if (a.n_layers == 62) scale_by_width(a);
  return read_local_rope(file, a);
}

Result<void> describe_gemma3n(const Metadata& file, Architecture& a) {
  constexpr uint32_t own_layers = 20;
  constexpr uint32_t sparse_layers = 10;
  EXO_CHECK(describe_gemma(file, a, 5, 0));
  EXO_CHECK(read_local_rope(file, a));
  EXO_TRY(a.logit_softcap, file.number_or("final_logit_softcapping", 30.0F));
  a.qk_norm = QkNorm::per_head;
  a.v_norm = true;
  a.attention_scale = 1.0F;
  EXO_TRY(a.streams.count, file.count_or("altup.num_inputs", 4));
  if (a.streams.count < 2 || a.streams.count > 16)
    return file.unsupported("altup.num_inputs", "is not between 2 and 16");
  EXO_TRY(const uint32_t active, file.count_or("altup.active_idx", 0));
  if (active != 0)
    return file.unsupported("altup.active_idx", "is not 0, the only stream that is known to be computed");
  EXO_TRY(a.per_layer_width, file.count_or("embedding_length_per_layer_input", 256));
  const model::TensorInfo* laurel = file.file().find_tensor("blk.0.laurel_l.weight");
  if (laurel == nullptr || laurel->dims[1] > (1U << 20))
    return fail(ErrorCode::corrupt, "{}: tensor blk.0.laurel_l.weight is missing or too large",
                file.file().path().string());
  a.streams.laurel_rank = static_cast<uint32_t>(laurel->dims[1]);
  for (uint32_t i = 0; i < std::min(sparse_layers, a.n_layers); ++i) a.layers[i].sparse_gate = true;
  return share_keys_and_values(file, a, own_layers);
}

Result<void> describe_gemma4(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_gemma(file, a, 6, 0));
  EXO_CHECK(read_local_rope(file, a));
  a.qk_norm = QkNorm::per_head;
  a.v_norm = true;
  a.attention_scale = 1.0F;
  const LayerSpec first = a.layers.front();
  EXO_TRY(const uint32_t k, file.count_or("attention.key_length_swa", first.head_dim_k));
  EXO_TRY(const uint32_t v, file.count_or("attention.value_length_swa", first.head_dim_v));
  EXO_TRY(a.rope_sliding.dims, file.count_or("rope.dimension_count_swa", k));
  a.rope_sliding.factors = false;
  for (LayerSpec& layer : a.layers) {
    if (layer.sliding) layer.head_dim_k = k;
    if (layer.sliding) layer.head_dim_v = v;
    if (a.experts.count > 0) layer.feed_forward = FeedForward::dense_and_experts;
  }
  a.experts.activation = Activation::gelu;
  a.experts.rescaled_router = true;
  EXO_TRY(a.per_layer_width, file.count_or("embedding_length_per_layer_input", 0));
  EXO_TRY(const uint32_t shared, file.count_or("attention.shared_kv_layers", 0));
  if (shared > a.n_layers) return file.corrupt("attention.shared_kv_layers", "is more than there are layers");
  return share_keys_and_values(file, a, a.n_layers - shared);
}

}  // namespace exogpu::engine
