#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

// The chosen experts' products of x [d_in, 1 or used, n]: [d_out, used, n].
ggml_tensor* multiply_chosen(const Builder& b, const Matrix& m, ggml_tensor* x, ggml_tensor* chosen) {
  ggml_tensor* y = precise(ggml_mul_mat_id(b.ctx(), m.weight, x, chosen));
  return m.bias != nullptr ? ggml_add_id(b.ctx(), y, m.bias, chosen) : y;
}

ggml_tensor* inner_of(const Builder& b, const ExpertWeights& w, ggml_tensor* x, ggml_tensor* chosen) {
  const Activation activation = b.arch().experts.activation;
  if (w.gate_up.weight != nullptr) return gated(b, multiply_chosen(b, w.gate_up, x, chosen), activation);
  ggml_tensor* up = multiply_chosen(b, w.up, x, chosen);
  if (activation == Activation::relu_squared) return ggml_sqr(b.ctx(), ggml_relu(b.ctx(), up));
  return gated(b, multiply_chosen(b, w.gate, x, chosen), up, activation);
}

// The sum over the experts of x [d_model, used, n]: [d_model, n].
ggml_tensor* sum_experts(const Builder& b, ggml_tensor* x) {
  ggml_context* ctx = b.ctx();
  if (x->ne[1] == 1) return ggml_reshape_2d(ctx, x, x->ne[0], x->ne[2]);
  b.expand(x);
  std::vector<ggml_tensor*> each;
  for (int64_t i = 0; i < x->ne[1]; ++i) {
    each.push_back(ggml_view_2d(ctx, x, x->ne[0], x->ne[2], x->nb[2], i * x->nb[1]));
    b.expand(each.back());
  }
  ggml_tensor* total = each[0];
  for (size_t i = 1; i < each.size(); ++i) {
    total = ggml_add(ctx, total, each[i]);
    b.expand(total);
  }
  return total;
}

ggml_tensor* shared_expert(const Builder& b, const ExpertWeights& w, ggml_tensor* x) {
  ggml_tensor* y = dense_feed_forward(b, w.shared, x, b.arch().experts.activation);
  if (w.shared_gate == nullptr) return y;
  ggml_tensor* gate = precise(ggml_mul_mat(b.ctx(), w.shared_gate, x));  // [1, n]
  return ggml_mul(b.ctx(), y, ggml_sigmoid(b.ctx(), gate));
}

}  // namespace

ggml_tensor* expert_feed_forward(const Builder& b, const ExpertWeights& w, ggml_tensor* x, ggml_tensor* router_x) {
  const Experts& e = b.arch().experts;
  ggml_context* ctx = b.ctx();
  const Routing r = route(b, w, router_x);
  ggml_tensor* in = ggml_reshape_3d(ctx, x, x->ne[0], 1, x->ne[1]);
  if (e.weights_input) in = ggml_mul(ctx, ggml_repeat_4d(ctx, in, x->ne[0], e.used, x->ne[1], 1), r.share);
  ggml_tensor* out = multiply_chosen(b, w.down, inner_of(b, w, in, r.chosen), r.chosen);
  if (!e.weights_input) out = ggml_mul(ctx, out, r.share);
  ggml_tensor* y = sum_experts(b, out);
  return w.shared.gate_up.matrices.empty() ? y : ggml_add(ctx, y, shared_expert(b, w, x));
}

}  // namespace exogpu::engine
