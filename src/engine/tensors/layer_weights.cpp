#include "engine/tensors/layer_weights.h"

#include <array>
#include <string>

#include "engine/tensors/fused_matrices.h"

namespace exogpu::engine {
namespace {

Result<void> add_feed_forward(WeightPlaces& places, const Architecture& a, const std::string& block,
                              LayerWeights& layer) {
  if (a.experts.count > 0) {
    int64_t n = a.experts.count;
    int64_t ff = a.experts.d_ff;
    EXO_TRY(layer.router, places.add({block + "ffn_gate_inp.weight", {a.d_model, n, 1}}, WeightUse::matrix));
    EXO_TRY(layer.experts_gate,
            places.add({block + "ffn_gate_exps.weight", {a.d_model, ff, n}}, WeightUse::expert_matrix));
    EXO_TRY(layer.experts_up, places.add({block + "ffn_up_exps.weight", {a.d_model, ff, n}}, WeightUse::expert_matrix));
    EXO_TRY(layer.experts_down,
            places.add({block + "ffn_down_exps.weight", {ff, a.d_model, n}}, WeightUse::expert_matrix));
    return {};
  }
  if (places.has(block + "ffn_gate.weight")) {
    std::array names = {PartName{block + "ffn_gate", a.d_ff}, PartName{block + "ffn_up", a.d_ff}};
    EXO_TRY(layer.gate_up, fuse(places, names, a.d_model));
  } else {
    EXO_TRY(layer.gate_up, split(places, block + "ffn_up", a.d_model, {a.d_ff, a.d_ff}));
  }
  EXO_TRY(layer.down, add_matrix(places, block + "ffn_down", a.d_ff, a.d_model));
  return {};
}

}  // namespace

Result<LayerWeights> add_layer(WeightPlaces& places, const Architecture& a, uint32_t index) {
  std::string block = "blk." + std::to_string(index) + ".";
  LayerWeights layer;
  if (a.pre_norm) {
    EXO_TRY(layer.attention_norm, places.add_vector(block + "attn_norm.weight", a.d_model));
    EXO_TRY(layer.feed_forward_norm, places.add_vector(block + "ffn_norm.weight", a.d_model));
  }
  if (a.post_norm) {
    EXO_TRY(layer.attention_post_norm, places.add_vector(block + "post_attention_norm.weight", a.d_model));
    EXO_TRY(layer.feed_forward_post_norm, places.add_vector(block + "post_ffw_norm.weight", a.d_model));
  }
  if (a.qk_norm != QkNorm::none) {
    bool whole = a.qk_norm == QkNorm::whole;
    EXO_TRY(layer.q_norm, places.add_vector(block + "attn_q_norm.weight", whole ? a.q_width() : a.head_dim_k));
    EXO_TRY(layer.k_norm, places.add_vector(block + "attn_k_norm.weight", whole ? a.k_width() : a.head_dim_k));
  }
  if (places.has(block + "attn_qkv.weight")) {
    EXO_TRY(layer.qkv, split(places, block + "attn_qkv", a.d_model, {a.q_width(), a.k_width(), a.v_width()}));
  } else {
    std::array names = {PartName{block + "attn_q", a.q_width()}, PartName{block + "attn_k", a.k_width()},
                        PartName{block + "attn_v", a.v_width()}};
    EXO_TRY(layer.qkv, fuse_qkv(places, names, a.d_model, index + 1 == a.n_layers));
  }
  EXO_TRY(layer.attention_out, add_matrix(places, block + "attn_output", a.n_heads * a.head_dim_v, a.d_model));
  EXO_CHECK(add_feed_forward(places, a, block, layer));
  return layer;
}

Result<void> add_ends(WeightPlaces& places, const Architecture& a, wire::LayerRange layers, ModelWeights& weights) {
  RequiredTensor embedding = {"token_embd.weight", {a.d_model, a.n_vocab, 1}};
  bool is_first = layers.begin == 0;
  bool is_last = layers.end == a.n_layers;
  bool tied = !places.has("output.weight");
  bool looks_up = false;
  if (is_first) {
    EXO_TRY(const model::TensorInfo* info, places.find(embedding));
    looks_up = places.home().supports(WeightUse::rows, static_cast<ggml_type>(info->type), embedding.shape);
  }
  if (is_last) {
    EXO_TRY(weights.output_norm, places.add_vector("output_norm.weight", a.d_model));
    EXO_TRY(weights.output.weight,
            places.add({tied ? embedding.name : "output.weight", embedding.shape}, WeightUse::matrix));
  }
  if (!looks_up) return {};
  // A packed matrix cannot be looked up in.
  if (is_last && tied && !places.is_packed(weights.output.weight)) {
    weights.embedding = weights.output.weight;
  } else {
    EXO_TRY(weights.embedding, places.add(embedding, WeightUse::rows));
  }
  return {};
}

Result<void> add_rope_factors(WeightPlaces& places, const Architecture& a, uint32_t context, ModelWeights& weights) {
  const char* by_length = context > a.rope.context_trained ? "rope_factors_long.weight" : "rope_factors_short.weight";
  for (const char* name : {"rope_freqs.weight", by_length}) {
    if (!places.has(name)) continue;
    EXO_TRY(weights.rope_factors, places.add_vector(name, a.rope.dims / 2));
    return {};
  }
  return {};
}

}  // namespace exogpu::engine
