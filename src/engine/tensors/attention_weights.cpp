#include <array>

#include "engine/tensors/fused_matrices.h"
#include "engine/tensors/layer_parts.h"

namespace exogpu::engine {
namespace {

Result<FusedMatrices> add_qkv(WeightPlaces& places, const Architecture& a, uint32_t index, const std::string& block) {
  const LayerSpec& l = a.layers[index];
  const uint32_t q_rows = l.q_width() * (a.gated_attention ? 2 : 1);
  if (places.has(block + "attn_qkv.weight"))
    return split(places, block + "attn_qkv", a.d_model, {q_rows, l.k_width(), l.v_width()});
  const std::array names = {PartName{block + "attn_q", q_rows}, PartName{block + "attn_k", l.k_width()},
                            PartName{block + "attn_v", l.v_width()}};
  if (l.kv_layer != index) {
    for (const char* name : {"attn_k.weight", "attn_v.weight", "attn_k_norm.weight"}) places.ignore(block + name);
    return fuse(places, std::span(names).first(1), a.d_model);
  }
  const bool queries_apart = index + 1 == a.n_layers;
  if (!places.has(block + "attn_v.weight") && a.v_norm) {
    if (!queries_apart) return fuse(places, std::span(names).first(2), a.d_model);
    EXO_TRY(FusedMatrices q, fuse(places, std::span(names).first(1), a.d_model));
    EXO_TRY(const FusedMatrices k, fuse(places, std::span(names).subspan(1, 1), a.d_model));
    q.matrices.push_back(k.matrices.front());
    q.parts.push_back({1, 0, l.k_width()});
    return q;
  }
  return fuse_qkv(places, names, a.d_model, queries_apart);
}

}  // namespace

Result<AttentionWeights> add_attention(WeightPlaces& places, const Architecture& a, uint32_t index,
                                       const std::string& block) {
  const LayerSpec& l = a.layers[index];
  AttentionWeights w;
  EXO_TRY(w.qkv, add_qkv(places, a, index, block));
  if (a.qk_norm != QkNorm::none && a.qk_norm_weights) {
    const bool whole = a.qk_norm == QkNorm::whole;
    EXO_TRY(w.q_norm, places.add_vector(block + "attn_q_norm.weight", whole ? l.q_width() : l.head_dim_k));
    if (l.kv_layer == index) {
      EXO_TRY(w.k_norm, places.add_vector(block + "attn_k_norm.weight", whole ? l.k_width() : l.head_dim_k));
    }
  }
  if (a.sinks) {
    EXO_TRY(w.sinks, places.add_vector(block + "attn_sinks.weight", l.n_heads));
  }
  EXO_TRY(w.out, add_matrix(places, block + "attn_output", l.n_heads * l.head_dim_v, a.d_model));
  return w;
}

Result<LatentWeights> add_latent(WeightPlaces& places, const Architecture& a, uint32_t index,
                                 const std::string& block) {
  const LatentAttention& l = a.latent;
  const uint32_t heads = a.layers[index].n_heads;
  LatentWeights w;
  const uint32_t q_width = heads * l.head_dim();
  if (l.q_rank > 0 && !places.has(block + "attn_q.weight")) {
    EXO_TRY(w.q_down, add_matrix(places, block + "attn_q_a", a.d_model, l.q_rank));
    EXO_TRY(w.q_norm, add_norm(places, block + "attn_q_a_norm", l.q_rank));
    EXO_TRY(w.q, add_matrix(places, block + "attn_q_b", l.q_rank, q_width));
  } else {
    EXO_TRY(w.q, add_matrix(places, block + "attn_q", a.d_model, q_width));
  }
  EXO_TRY(w.kv_down, add_matrix(places, block + "attn_kv_a_mqa", a.d_model, l.kv_rank + l.rope));
  EXO_TRY(w.kv_norm, add_norm(places, block + "attn_kv_a_norm", l.kv_rank));
  if (l.absorbed) {
    EXO_TRY(w.k_up, places.add({block + "attn_k_b.weight", {l.nope, l.kv_rank, heads}}, WeightUse::batch));
    EXO_TRY(w.v_up, places.add({block + "attn_v_b.weight", {l.kv_rank, l.v, heads}}, WeightUse::batch));
  } else {
    EXO_TRY(w.kv_up, add_matrix(places, block + "attn_kv_b", l.kv_rank, heads * (l.nope + l.v)));
  }
  EXO_TRY(w.out, add_matrix(places, block + "attn_output", heads * l.v, a.d_model));
  return w;
}

}  // namespace exogpu::engine
