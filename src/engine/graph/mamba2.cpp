#include "engine/graph/recurrence.h"

namespace exogpu::engine {
namespace {

// Rows [begin, begin + n) of x [width, tokens].
ggml_tensor* columns(const Builder& b, ggml_tensor* x, uint32_t begin, uint32_t n) {
  return ggml_view_2d(b.ctx(), x, n, x->ne[1], x->nb[1], begin * ggml_element_size(x));
}

// The states' answer to each token, [inner, tokens of the group]; the states move on.
ggml_tensor* scan(const Builder& b, const Mamba2Weights& w, uint32_t local, ggml_tensor* mixed, ggml_tensor* step,
                  const TokenGroup& g) {
  const Mamba2& m = b.arch().mamba2;
  ggml_context* ctx = b.ctx();
  ggml_tensor* states = b.source.states.sums(local);
  ggml_tensor* x = heads_of(b, mixed, 0, m.head_dim(), m.heads);
  ggml_tensor* in = heads_of(b, mixed, m.inner, m.state, m.groups);
  ggml_tensor* out = heads_of(b, mixed, m.inner + m.groups * m.state, m.state, m.groups);
  ggml_tensor* numbers = ggml_view_1d(ctx, b.graph.inputs.slot_numbers, g.slots.slots, 0);
  ggml_tensor* both = ggml_ssm_scan(ctx, states_of(b, states, g, m.state, m.head_dim(), m.heads), x, step, w.decay, in,
                                    out, numbers, 1);
  const size_t row = m.inner * ggml_element_size(both);
  move_states(b, states, g, both, row * g.slots.all_tokens());
  const size_t head = m.head_dim() * ggml_element_size(both);
  ggml_tensor* y =
      ggml_view_4d(ctx, both, m.head_dim(), m.heads, g.slots.tokens, g.slots.slots, head, row, row * g.slots.tokens, 0);
  y = ggml_add(ctx, y, ggml_mul(ctx, x, w.skip));
  return ggml_reshape_2d(ctx, y, m.inner, g.slots.all_tokens());
}

}  // namespace

ggml_tensor* mamba2(const Builder& b, const Mamba2Weights& w, uint32_t index, ggml_tensor* x, QueryRows rows) {
  const Mamba2& m = b.arch().mamba2;
  const uint32_t local = index - b.source.layers.begin;
  ggml_context* ctx = b.ctx();
  ggml_tensor* all = multiply(b, w.in, x);  // gate, then what is convolved, then the step sizes
  ggml_tensor* convolved = columns(b, all, m.inner, m.conv_width());
  ggml_tensor* steps = columns(b, all, m.inner + m.conv_width(), m.heads);
  steps = ggml_add(ctx, steps, w.step_bias);
  ggml_tensor* y = by_group(b, [&](const TokenGroup& g) {
    ggml_tensor* mixed = causal_convolution(b, b.source.states.inputs(local), w.kernel, tokens_of(b, convolved, g), g);
    if (w.kernel_bias != nullptr) mixed = ggml_add(ctx, mixed, w.kernel_bias);
    return scan(b, w, local, ggml_silu(ctx, mixed), tokens_of(b, steps, g), g);
  });
  if (rows == QueryRows::none) return nullptr;
  ggml_tensor* gate = select_rows(b, columns(b, all, 0, m.inner), rows);
  if (!ggml_is_contiguous(gate)) gate = ggml_cont(ctx, gate);  // of several tokens; not all devices take strided ones
  y = ggml_swiglu_split(ctx, gate, select_rows(b, y, rows));
  if (w.norm != nullptr) {
    const int64_t n = y->ne[1];
    y = rms_norm(b, ggml_reshape_3d(ctx, y, m.inner / m.groups, m.groups, n), w.norm);
    y = ggml_reshape_2d(ctx, y, m.inner, n);
  }
  return multiply(b, w.out, y);
}

}  // namespace exogpu::engine
