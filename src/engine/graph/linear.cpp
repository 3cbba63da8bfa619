#include "engine/graph/builder.h"

namespace exogpu::engine {

ggml_tensor* rms_norm(const Builder& b, ggml_tensor* x, ggml_tensor* weight) {
  x = ggml_rms_norm(b.ctx(), x, b.arch().norm_eps);
  return weight != nullptr ? ggml_mul(b.ctx(), x, weight) : x;
}

ggml_tensor* norm(const Builder& b, ggml_tensor* x, const Norm& weights) {
  if (weights.weight == nullptr) return x;
  x = b.arch().layer_norm ? ggml_norm(b.ctx(), x, b.arch().norm_eps) : ggml_rms_norm(b.ctx(), x, b.arch().norm_eps);
  x = ggml_mul(b.ctx(), x, weights.weight);
  return weights.bias != nullptr ? ggml_add(b.ctx(), x, weights.bias) : x;
}

ggml_tensor* precise(ggml_tensor* product) {
  if (!ggml_is_quantized(product->src[0]->type)) ggml_prec_set_acc(product, GGML_PREC_F32);
  return product;
}

ggml_tensor* multiply(const Builder& b, const Matrix& m, ggml_tensor* x) {
  ggml_tensor* y = precise(ggml_mul_mat(b.ctx(), m.weight, x));
  return m.bias != nullptr ? ggml_add(b.ctx(), y, m.bias) : y;
}

ggml_tensor* part_of(const Builder& b, const FusedMatrices& fused, size_t i, ggml_tensor* product) {
  const FusedMatrices::Part& part = fused.parts[i];
  if (part.rows == product->ne[0]) return product;
  return ggml_view_2d(b.ctx(), product, part.rows, product->ne[1], product->nb[1],
                      part.begin * ggml_element_size(product));
}

ggml_tensor* multiply_part(const Builder& b, const FusedMatrices& fused, size_t i, ggml_tensor* x) {
  const Matrix& all = fused.matrices.front();
  const FusedMatrices::Part& part = fused.parts[i];
  Matrix rows{ggml_view_2d(b.ctx(), all.weight, all.weight->ne[0], part.rows, all.weight->nb[1],
                           part.begin * all.weight->nb[1]),
              nullptr};
  if (all.bias != nullptr)
    rows.bias = ggml_view_1d(b.ctx(), all.bias, part.rows, part.begin * ggml_element_size(all.bias));
  return multiply(b, rows, x);
}

ggml_tensor* softcap(const Builder& b, ggml_tensor* x, float c) {
  if (c == 0.0F) return x;
  return ggml_scale(b.ctx(), ggml_tanh(b.ctx(), ggml_scale(b.ctx(), x, 1.0F / c)), c);
}

// Neighbours are joined pair by pair, so that each is copied log2(n) times and not n.
ggml_tensor* join_tokens(const Builder& b, std::span<ggml_tensor* const> parts) {
  if (parts.size() == 1) return parts.front();
  const size_t half = parts.size() / 2;
  return ggml_concat(b.ctx(), join_tokens(b, parts.first(half)), join_tokens(b, parts.subspan(half)), 1);
}

ggml_tensor* select_rows(const Builder& b, ggml_tensor* x, QueryRows rows) {
  return rows == QueryRows::outputs ? ggml_get_rows(b.ctx(), x, b.graph.inputs.output_rows) : x;
}

}  // namespace exogpu::engine
