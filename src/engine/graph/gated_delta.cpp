#include "engine/graph/recurrence.h"

namespace exogpu::engine {
namespace {

// How strongly each token is written, and the logarithm of how much of the state stays; [v_heads, n] each.
struct Strengths {
  ggml_tensor* write = nullptr;
  ggml_tensor* decay = nullptr;
};

Strengths strengths(const Builder& b, const DeltaWeights& w, ggml_tensor* x) {
  const GatedDelta& d = b.arch().delta;
  ggml_tensor* beta = nullptr;
  ggml_tensor* alpha = nullptr;
  if (w.beta_alpha.weight != nullptr) {
    ggml_tensor* both = multiply(b, w.beta_alpha, x);
    const int64_t share = d.v_heads / d.k_heads;
    const size_t half = share * ggml_element_size(both);
    auto part = [&](size_t offset) {
      ggml_tensor* view = ggml_view_3d(b.ctx(), both, share, d.k_heads, both->ne[1], 2 * half, both->nb[1], offset);
      return ggml_cont_2d(b.ctx(), view, d.v_heads, both->ne[1]);
    };
    beta = part(0);
    alpha = part(half);
  } else {
    beta = multiply(b, w.beta, x);
    alpha = multiply(b, w.alpha, x);
  }
  ggml_tensor* step = ggml_softplus(b.ctx(), ggml_add(b.ctx(), alpha, w.step_bias));
  return {ggml_sigmoid(b.ctx(), beta), ggml_mul(b.ctx(), step, w.decay)};
}

// Key heads as the operation pairs them with value heads: h with h mod k_heads.
ggml_tensor* spread_key_heads(const Builder& b, ggml_tensor* k) {
  const GatedDelta& d = b.arch().delta;
  if (!d.neighbours_share || d.k_heads == d.v_heads) return k;
  const int64_t tokens = k->ne[2] * k->ne[3];
  ggml_tensor* each = ggml_reshape_3d(b.ctx(), k, d.head_dim, 1, d.k_heads * tokens);
  each = ggml_repeat_4d(b.ctx(), each, d.head_dim, d.v_heads / d.k_heads, d.k_heads * tokens, 1);
  return ggml_reshape_4d(b.ctx(), each, d.head_dim, d.v_heads, k->ne[2], k->ne[3]);
}

// [v_heads, n] -> [1, v_heads, tokens, slots]
ggml_tensor* one_per_head(const Builder& b, ggml_tensor* x, const TokenGroup& g) {
  return heads_of(b, tokens_of(b, x, g), 0, 1, static_cast<uint32_t>(x->ne[0]));
}

// [v_width, n] -> [head_dim, v_heads, n]
ggml_tensor* as_value_heads(const Builder& b, ggml_tensor* x) {
  const GatedDelta& d = b.arch().delta;
  return ggml_view_3d(b.ctx(), x, d.head_dim, d.v_heads, x->ne[1], d.head_dim * ggml_element_size(x), x->nb[1], 0);
}

}  // namespace

ggml_tensor* gated_delta(const Builder& b, const DeltaWeights& w, uint32_t index, ggml_tensor* x, QueryRows rows) {
  const GatedDelta& d = b.arch().delta;
  const RecurrentState& states = b.source.states;
  const uint32_t local = index - b.source.layers.begin;
  ggml_context* ctx = b.ctx();
  ggml_tensor* qkv = multiply(b, w.qkv, x);
  const Strengths s = strengths(b, w, x);
  ggml_tensor* y = by_group(b, [&](const TokenGroup& g) {
    ggml_tensor* mixed = causal_convolution(b, states.inputs(local), w.kernel, tokens_of(b, qkv, g), g);
    mixed = ggml_silu(ctx, mixed);
    ggml_tensor* q = ggml_l2_norm(ctx, heads_of(b, mixed, 0, d.head_dim, d.k_heads), b.arch().norm_eps);
    ggml_tensor* k = ggml_l2_norm(ctx, heads_of(b, mixed, d.k_width(), d.head_dim, d.k_heads), b.arch().norm_eps);
    ggml_tensor* v = heads_of(b, mixed, 2 * d.k_width(), d.head_dim, d.v_heads);
    ggml_tensor* state = states_of(b, states.sums(local), g, d.head_dim, d.head_dim, d.v_heads);
    ggml_tensor* both = ggml_gated_delta_net(ctx, spread_key_heads(b, q), spread_key_heads(b, k), v,
                                             one_per_head(b, s.decay, g), one_per_head(b, s.write, g), state, 1);
    const size_t row = d.v_width() * ggml_element_size(both);
    move_states(b, states.sums(local), g, both, row * g.slots.all_tokens());
    return ggml_view_2d(ctx, both, d.v_width(), g.slots.all_tokens(), row, 0);
  });
  if (rows == QueryRows::none) return nullptr;
  y = as_value_heads(b, select_rows(b, y, rows));
  ggml_tensor* gate = as_value_heads(b, multiply(b, w.gate, select_rows(b, x, rows)));
  y = ggml_mul(ctx, rms_norm(b, y, w.norm.weight), ggml_silu(ctx, gate));
  return multiply(b, w.out, ggml_reshape_2d(ctx, y, d.v_width(), y->ne[2]));
}

}  // namespace exogpu::engine
