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

// ggml's CPU kernel divides that many rows of a single query between its threads, so that the sums depend on the number
// of threads; not those of several sequences.
constexpr uint32_t kRowsDivided = 512;

bool would_divide_rows(const Builder& b, const SlotGroup& g) {
  return b.source.on_processor && g.tokens == 1 && g.slots == 1 && g.rows >= kRowsDivided;
}

struct Operands {
  ggml_tensor* q;  // [head_dim_k, tokens, heads, slots]
  ggml_tensor* k;  // [head_dim_k, rows, n_kv_heads, slots]
  ggml_tensor* v;
};

// [head_dim_v * heads] of one token. Each head of the keys, with the queries that share it, takes the place of a
// sequence: all in the same order as before.
ggml_tensor* attend_by_head(const Builder& b, const Operands& in, ggml_tensor* mask) {
  const auto each_head = [&](ggml_tensor* t) {
    return ggml_view_4d(b.ctx(), t, t->ne[0], t->ne[1], 1, t->ne[2], t->nb[1], t->nb[2], t->nb[2], 0);
  };
  const int64_t shared = in.q->ne[2] / in.k->ne[2];
  ggml_tensor* q = ggml_view_4d(b.ctx(), in.q, in.q->ne[0], 1, shared, in.k->ne[2], in.q->nb[1], in.q->nb[2],
                                in.q->nb[2] * static_cast<size_t>(shared), 0);
  return ggml_flash_attn_ext(b.ctx(), q, each_head(in.k), each_head(in.v), mask, b.arch().attention_scale, 0.0F,
                             b.arch().attention_softcap);
}

// The same where there is one head of keys, or where heads must stay together: for the same query twice.
ggml_tensor* attend_twice(const Builder& b, const Operands& in, ggml_tensor* mask, ggml_tensor* sinks) {
  ggml_tensor* q = ggml_repeat_4d(b.ctx(), in.q, in.q->ne[0], 2, in.q->ne[2], 1);
  ggml_tensor* masks = ggml_repeat_4d(b.ctx(), mask, mask->ne[0], 2, 1, 1);
  ggml_tensor* out =
      ggml_flash_attn_ext(b.ctx(), q, in.k, in.v, masks, b.arch().attention_scale, 0.0F, b.arch().attention_softcap);
  if (sinks != nullptr) ggml_flash_attn_ext_add_sinks(out, sinks);
  return ggml_view_1d(b.ctx(), out, out->ne[0] * out->ne[1], 0);
}

ggml_tensor* attend_at_once(const Builder& b, const Operands& in, ggml_tensor* mask, ggml_tensor* sinks,
                            const SlotGroup& g) {
  if (would_divide_rows(b, g))
    return in.k->ne[2] > 1 && sinks == nullptr ? attend_by_head(b, in, mask) : attend_twice(b, in, mask, sinks);
  ggml_tensor* out =
      ggml_flash_attn_ext(b.ctx(), in.q, in.k, in.v, mask, b.arch().attention_scale, 0.0F, b.arch().attention_softcap);
  ggml_prec_set_acc(out, GGML_PREC_F32);
  if (sinks != nullptr) ggml_flash_attn_ext_add_sinks(out, sinks);
  return out;
}

// [head_dim_k, heads, n] queries of all tokens -> [heads * head_dim_v, tokens of the group]
ggml_tensor* attend(const Builder& b, const LayerSpec& l, ggml_tensor* queries, const CachedRows& cached,
                    ggml_tensor* sinks, const SlotGroup& g, uint32_t first_token, ggml_tensor* mask) {
  ggml_tensor* q = ggml_view_4d(b.ctx(), queries, l.head_dim_k, l.n_heads, g.tokens, g.slots, queries->nb[1],
                                queries->nb[2], queries->nb[2] * g.tokens, queries->nb[2] * first_token);
  q = ggml_permute(b.ctx(), q, 0, 2, 1, 3);  // [head_dim_k, tokens, heads, slots]
  ggml_tensor* k = rows_of_group(b, cached.keys, l.head_dim_k, l.n_kv_heads, g);
  ggml_tensor* v = rows_of_group(b, cached.values, l.head_dim_v, l.n_kv_heads, g);
  ggml_tensor* out = b.source.flash_attention ? attend_at_once(b, {q, k, v}, mask, sinks, g)
                                              : attend_in_steps(b, q, k, v, mask, sinks);
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
  ggml_tensor* factors = rope.factors ? b.weights().rope_factors : nullptr;
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
