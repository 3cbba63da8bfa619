#include "engine/graph/attend.h"

#include <algorithm>
#include <array>

namespace exogpu::engine {
namespace {

// The rows of a group's regions, as [head_dim, rows, n_kv_heads, slots].
ggml_tensor* rows_of_group(const Builder& b, ggml_tensor* cache, uint32_t head_dim, uint32_t heads,
                           const SlotGroup& g) {
  const size_t stride = g.slots > 1 ? g.stride : g.rows;
  return ggml_view_4d(b.ctx(), cache, head_dim, g.rows, heads, g.slots, cache->nb[1],
                      ggml_row_size(cache->type, head_dim), cache->nb[1] * stride, cache->nb[1] * g.first_row);
}

// Scores, softmax and weighted sum as separate operations, for devices without flash attention.
ggml_tensor* attend_in_steps(const Builder& b, ggml_tensor* q, ggml_tensor* k, ggml_tensor* v, ggml_tensor* mask,
                             ggml_tensor* sinks) {
  const Architecture& a = b.arch();
  ggml_tensor* scores = ggml_mul_mat(b.ctx(), k, q);  // [rows, tokens, heads, slots]
  ggml_prec_set_acc(scores, GGML_PREC_F32);
  float scale = a.attention_scale;
  if (a.attention_softcap != 0.0F) {
    scores = softcap(b, ggml_scale(b.ctx(), scores, scale), a.attention_softcap);
    scale = 1.0F;
  }
  ggml_tensor* weights = ggml_soft_max_ext(b.ctx(), scores, mask, scale, 0.0F);
  if (sinks != nullptr) ggml_soft_max_add_sinks(weights, sinks);
  ggml_tensor* v_by_row = ggml_cont(b.ctx(), ggml_transpose(b.ctx(), v));
  ggml_tensor* sum = ggml_mul_mat(b.ctx(), v_by_row, weights);  // [head_dim_v, tokens, heads, slots]
  if (v_by_row->type == GGML_TYPE_F32) sum = precise(sum);
  return ggml_cont(b.ctx(), ggml_permute(b.ctx(), sum, 0, 2, 1, 3));
}

// [head_dim_k, heads, n] queries of all tokens -> [heads * head_dim_v, tokens of the group]
ggml_tensor* attend(const Builder& b, const LayerSpec& l, ggml_tensor* queries, const CachedRows& cached,
                    ggml_tensor* sinks, const SlotGroup& g, uint32_t first_token, ggml_tensor* mask) {
  ggml_tensor* q = ggml_view_4d(b.ctx(), queries, l.head_dim_k, l.n_heads, g.tokens, g.slots, queries->nb[1],
                                queries->nb[2], queries->nb[2] * g.tokens, queries->nb[2] * first_token);
  q = ggml_permute(b.ctx(), q, 0, 2, 1, 3);  // [head_dim_k, tokens, heads, slots]
  ggml_tensor* k = rows_of_group(b, cached.keys, l.head_dim_k, l.n_kv_heads, g);
  ggml_tensor* v = rows_of_group(b, cached.values, l.head_dim_v, l.n_kv_heads, g);
  ggml_tensor* out = nullptr;
  if (b.source.flash_attention) {
    out = ggml_flash_attn_ext(b.ctx(), q, k, v, mask, b.arch().attention_scale, 0.0F, b.arch().attention_softcap);
    ggml_prec_set_acc(out, GGML_PREC_F32);
    if (sinks != nullptr) ggml_flash_attn_ext_add_sinks(out, sinks);
  } else {
    out = attend_in_steps(b, q, k, v, mask, sinks);
  }
  return ggml_reshape_2d(b.ctx(), out, int64_t{l.n_heads} * l.head_dim_v, g.all_tokens());
}

}  // namespace

const AttentionInputs& attending(const Builder& b, QueryRows rows) {
  return rows == QueryRows::outputs ? b.graph.inputs.output_attention : b.graph.inputs.attention;
}

ggml_tensor* as_heads(const Builder& b, ggml_tensor* x, uint32_t head_dim, uint32_t heads) {
  return ggml_view_3d(b.ctx(), x, head_dim, heads, x->ne[1], head_dim * ggml_element_size(x), x->nb[1], 0);
}

ggml_tensor* rotate(const Builder& b, ggml_tensor* x, const Rope& rope, ggml_tensor* positions) {
  ggml_tensor* factors = rope.factors ? b.source.weights.rope_factors : nullptr;
  const int dims = static_cast<int>(rope.dims);
  const int context = static_cast<int>(rope.context_trained);
  if (rope.has_axes()) {
    std::array<int, GGML_MROPE_SECTIONS> sections = {};
    std::ranges::copy(rope.axis_pairs, sections.begin());
    const int mode = rope.pairs == Rope::Pairs::sections ? GGML_ROPE_TYPE_MROPE : GGML_ROPE_TYPE_IMROPE;
    return ggml_rope_multi(b.ctx(), x, positions, factors, dims, sections.data(), mode, context, rope.base,
                           rope.frequency_scale, rope.extrapolation, rope.attention_factor, rope.beta_fast,
                           rope.beta_slow);
  }
  const int mode = rope.pairs == Rope::Pairs::halves ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL;
  return ggml_rope_ext(b.ctx(), x, positions, factors, dims, mode, context, rope.base, rope.frequency_scale,
                       rope.extrapolation, rope.attention_factor, rope.beta_fast, rope.beta_slow);
}

ggml_tensor* scale_queries(const Builder& b, uint32_t index, ggml_tensor* q, QueryRows rows) {
  return b.layer(index).scaled_by_position ? ggml_mul(b.ctx(), q, attending(b, rows).query_scales) : q;
}

void store_heads(const Builder& b, ggml_tensor* cache, ggml_tensor* x) {
  ggml_tensor* rows = ggml_view_2d(b.ctx(), x, x->ne[0] * x->ne[1], x->ne[2], x->nb[2], 0);
  b.expand(ggml_set_rows(b.ctx(), cache, rows, b.graph.inputs.cache_rows));
}

ggml_tensor* attend_all(const Builder& b, uint32_t index, ggml_tensor* q, const CachedRows& cached, ggml_tensor* sinks,
                        QueryRows rows) {
  const LayerSpec& l = b.layer(index);
  const AttentionInputs& inputs = attending(b, rows);
  const auto& groups = rows == QueryRows::outputs ? b.graph.shape.output_groups : b.graph.shape.groups;
  const auto& masks = l.sliding ? inputs.sliding_masks : inputs.masks;
  std::vector<ggml_tensor*> parts;
  uint32_t first_token = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    parts.push_back(attend(b, l, q, cached, sinks, groups[i], first_token, masks[i]));
    first_token += groups[i].all_tokens();
  }
  return join_tokens(b, parts);
}

}  // namespace exogpu::engine
