#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

// [width, n] -> [head_dim, heads, n], without a copy.
ggml_tensor* as_heads(const Builder& b, ggml_tensor* x, uint32_t head_dim, uint32_t heads) {
  return ggml_view_3d(b.ctx(), x, head_dim, heads, x->ne[1], head_dim * ggml_element_size(x), x->nb[1], 0);
}

ggml_tensor* rotate(const Builder& b, ggml_tensor* x, const Rope& rope, ggml_tensor* positions) {
  int mode = rope.pairs == Rope::Pairs::halves ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL;
  return ggml_rope_ext(b.ctx(), x, positions, b.source.weights.rope_factors, static_cast<int>(rope.dims), mode,
                       static_cast<int>(rope.context_trained), rope.base, rope.frequency_scale, rope.extrapolation,
                       rope.attention_factor, rope.beta_fast, rope.beta_slow);
}

void store(const Builder& b, ggml_tensor* cache, ggml_tensor* x) {
  b.expand(ggml_set_rows(b.ctx(), cache, x, b.graph.inputs.cache_rows));
}

// The rows of a group's slots, as [head_dim, rows, n_kv_heads, slots].
ggml_tensor* cached(const Builder& b, ggml_tensor* cache, uint32_t head_dim, const SlotGroup& g) {
  size_t slot_bytes = cache->nb[1] * b.source.cache.context();
  return ggml_view_4d(b.ctx(), cache, head_dim, g.rows, b.arch().n_kv_heads, g.slots, cache->nb[1],
                      ggml_row_size(cache->type, head_dim), slot_bytes, slot_bytes * g.first_slot);
}

// Scores, softmax and weighted sum as separate operations, for devices without flash attention.
ggml_tensor* attend_in_steps(const Builder& b, ggml_tensor* q, ggml_tensor* k, ggml_tensor* v, ggml_tensor* mask) {
  const Architecture& a = b.arch();
  ggml_tensor* scores = ggml_mul_mat(b.ctx(), k, q);  // [rows, tokens, heads, slots]
  ggml_prec_set_acc(scores, GGML_PREC_F32);
  float scale = a.attention_scale;
  if (a.attention_softcap != 0.0F) {
    scores = softcap(b, ggml_scale(b.ctx(), scores, scale), a.attention_softcap);
    scale = 1.0F;
  }
  ggml_tensor* weights = ggml_soft_max_ext(b.ctx(), scores, mask, scale, 0.0F);
  ggml_tensor* v_by_row = ggml_cont(b.ctx(), ggml_transpose(b.ctx(), v));
  ggml_tensor* sum = ggml_mul_mat(b.ctx(), v_by_row, weights);  // [head_dim_v, tokens, heads, slots]
  return ggml_cont(b.ctx(), ggml_permute(b.ctx(), sum, 0, 2, 1, 3));
}

// [head_dim_k, heads, n] queries of all tokens -> [heads * head_dim_v, tokens of the group]
ggml_tensor* attend(const Builder& b, ggml_tensor* queries, ggml_tensor* keys, ggml_tensor* values, const SlotGroup& g,
                    uint32_t first_token, ggml_tensor* mask) {
  const Architecture& a = b.arch();
  ggml_tensor* q = ggml_view_4d(b.ctx(), queries, a.head_dim_k, a.n_heads, g.tokens, g.slots, queries->nb[1],
                                queries->nb[2], queries->nb[2] * g.tokens, queries->nb[2] * first_token);
  q = ggml_permute(b.ctx(), q, 0, 2, 1, 3);  // [head_dim_k, tokens, heads, slots]
  ggml_tensor* k = cached(b, keys, a.head_dim_k, g);
  ggml_tensor* v = cached(b, values, a.head_dim_v, g);
  ggml_tensor* out = nullptr;
  if (b.source.flash_attention) {
    out = ggml_flash_attn_ext(b.ctx(), q, k, v, mask, a.attention_scale, 0.0F, a.attention_softcap);
    ggml_prec_set_acc(out, GGML_PREC_F32);
  } else {
    out = attend_in_steps(b, q, k, v, mask);
  }
  return ggml_reshape_2d(b.ctx(), out, int64_t{a.n_heads} * a.head_dim_v, g.all_tokens());
}

struct Projected {
  ggml_tensor* q = nullptr;  // [q_width, query_rows]
  ggml_tensor* k = nullptr;  // [k_width, n]
  ggml_tensor* v = nullptr;  // [v_width, n]
};

// With QueryRows::outputs only the outputs need queries. Queries that share a matrix with keys are computed and
// dropped.
Projected project(const Builder& b, const FusedMatrices& qkv, ggml_tensor* x, QueryRows query_rows) {
  std::vector<ggml_tensor*> products(qkv.matrices.size());
  bool own_matrix = qkv.parts[0].matrix != qkv.parts[1].matrix;
  ggml_tensor* rows = query_rows == QueryRows::outputs ? b.graph.inputs.output_rows : nullptr;
  for (size_t i = own_matrix ? 1 : 0; i < products.size(); ++i) products[i] = multiply(b, qkv.matrices[i], x);
  auto part = [&](size_t i) { return part_of(b, qkv, i, products[qkv.parts[i].matrix]); };
  Projected out = {nullptr, part(1), part(2)};
  if (query_rows == QueryRows::none) return out;
  if (own_matrix) {
    out.q = multiply(b, qkv.matrices[0], rows != nullptr ? ggml_get_rows(b.ctx(), x, rows) : x);
  } else {
    out.q = part(0);
    if (rows != nullptr) out.q = ggml_get_rows(b.ctx(), out.q, rows);
  }
  return out;
}

// Norm as the family has it, split into heads, rotation.  [heads * head_dim, n] -> [head_dim, heads, n]
ggml_tensor* prepare(const Builder& b, ggml_tensor* x, uint32_t heads, ggml_tensor* norm_weight, const Rope& rope,
                     ggml_tensor* positions) {
  QkNorm kind = b.arch().qk_norm;
  if (kind == QkNorm::whole) x = norm(b, x, norm_weight);
  x = as_heads(b, x, b.arch().head_dim_k, heads);
  if (kind == QkNorm::per_head) x = norm(b, x, norm_weight);
  return rotate(b, x, rope, positions);
}

// All parts' tokens in one tensor. Neighbours are joined pair by pair, so that each is copied log2(n) times and not n.
ggml_tensor* join(const Builder& b, std::span<ggml_tensor* const> parts) {
  if (parts.size() == 1) return parts.front();
  size_t half = parts.size() / 2;
  return ggml_concat(b.ctx(), join(b, parts.first(half)), join(b, parts.subspan(half)), 1);
}

}  // namespace

ggml_tensor* attention(const Builder& b, const LayerWeights& w, uint32_t index, ggml_tensor* x, QueryRows query_rows) {
  const Architecture& a = b.arch();
  const GraphInputs& in = b.graph.inputs;
  const Rope& rope = a.rope_of(index);
  const KvCache& cache = b.source.cache;
  uint32_t local = index - b.source.layers.begin;
  bool outputs_only = query_rows == QueryRows::outputs;
  const AttentionInputs& looking = outputs_only ? in.output_attention : in.attention;

  Projected p = project(b, w.qkv, x, query_rows);
  if (p.q != nullptr) {
    p.q = prepare(b, p.q, a.n_heads, w.q_norm, rope, looking.positions);
    b.expand(p.q);
  }
  b.expand(p.v);
  ggml_tensor* k = prepare(b, p.k, a.n_kv_heads, w.k_norm, rope, in.attention.positions);
  store(b, cache.keys(local), ggml_view_2d(b.ctx(), k, a.k_width(), k->ne[2], k->nb[2], 0));
  store(b, cache.values(local), p.v);
  if (query_rows == QueryRows::none) return nullptr;

  const auto& groups = outputs_only ? b.graph.shape.output_groups : b.graph.shape.groups;
  const auto& masks = a.sliding.applies_to(index) ? looking.sliding_masks : looking.masks;
  std::vector<ggml_tensor*> parts;
  uint32_t first_token = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    parts.push_back(attend(b, p.q, cache.keys(local), cache.values(local), groups[i], first_token, masks[i]));
    first_token += groups[i].all_tokens();
  }
  return join(b, parts);
}

}  // namespace exogpu::engine
