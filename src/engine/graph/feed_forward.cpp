#include <cmath>

#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

// act(gate) * up
ggml_tensor* gated(const Builder& b, ggml_tensor* gate, ggml_tensor* up) {
  return b.arch().activation == Activation::gelu ? ggml_geglu_split(b.ctx(), gate, up)
                                                 : ggml_swiglu_split(b.ctx(), gate, up);
}

// The same where both are halves of one tensor.
ggml_tensor* gated(const Builder& b, ggml_tensor* gate_and_up) {
  return b.arch().activation == Activation::gelu ? ggml_geglu(b.ctx(), gate_and_up) : ggml_swiglu(b.ctx(), gate_and_up);
}

}  // namespace

ggml_tensor* feed_forward(const Builder& b, const LayerWeights& w, ggml_tensor* x) {
  ggml_tensor* inner = nullptr;
  if (w.gate_up.matrices.size() == 1) {
    inner = gated(b, multiply(b, w.gate_up.matrices[0], x));
  } else {
    // Up first: the gate's product is then the last before the activation, which backends can fuse with it.
    ggml_tensor* up = multiply(b, w.gate_up.matrices[1], x);
    b.expand(up);
    inner = gated(b, multiply(b, w.gate_up.matrices[0], x), up);
  }
  return multiply(b, w.down, inner);
}

// Softmax over all experts, the best `used` of them, their weights scaled to sum 1.
ggml_tensor* expert_feed_forward(const Builder& b, const LayerWeights& w, ggml_tensor* x) {
  const Experts& e = b.arch().experts;
  int64_t d_model = x->ne[0];
  int64_t n = x->ne[1];
  ggml_context* ctx = b.ctx();

  ggml_tensor* odds = ggml_soft_max(ctx, precise(ggml_mul_mat(ctx, w.router, x)));             // [count, n]
  ggml_tensor* chosen = ggml_argsort_top_k(ctx, odds, static_cast<int>(e.used));               // [used, n]
  ggml_tensor* share = ggml_get_rows(ctx, ggml_reshape_3d(ctx, odds, 1, e.count, n), chosen);  // [1, used, n]
  share = ggml_reshape_2d(ctx, share, e.used, n);
  // The sum is bounded away from 0, as in the models' own code, so that a half-precision device cannot divide by it.
  ggml_tensor* sum = ggml_clamp(ctx, ggml_sum_rows(ctx, share), 6.103515625e-5F, INFINITY);
  share = ggml_reshape_3d(ctx, ggml_div(ctx, share, sum), 1, e.used, n);
  if (e.weight_scale != 1.0F) share = ggml_scale(ctx, share, e.weight_scale);
  b.expand(share);

  ggml_tensor* in = ggml_reshape_3d(ctx, x, d_model, 1, n);
  ggml_tensor* up = precise(ggml_mul_mat_id(ctx, w.experts_up, in, chosen));                     // [d_ff, used, n]
  ggml_tensor* gate = precise(ggml_mul_mat_id(ctx, w.experts_gate, in, chosen));                 // [d_ff, used, n]
  ggml_tensor* out = precise(ggml_mul_mat_id(ctx, w.experts_down, gated(b, gate, up), chosen));  // [d_model, used, n]
  out = ggml_mul(ctx, out, share);
  b.expand(out);

  std::vector<ggml_tensor*> each;
  for (uint32_t i = 0; i < e.used; ++i) {
    each.push_back(ggml_view_2d(ctx, out, d_model, n, out->nb[2], i * out->nb[1]));
    b.expand(each.back());
  }
  ggml_tensor* total = each[0];
  for (uint32_t i = 1; i < e.used; ++i) {
    total = ggml_add(ctx, total, each[i]);
    b.expand(total);
  }
  return e.used == 1 ? ggml_cont(ctx, total) : total;
}

}  // namespace exogpu::engine
