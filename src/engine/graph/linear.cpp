#include "engine/graph/builder.h"

namespace exogpu::engine {

ggml_tensor* norm(const Builder& b, ggml_tensor* x, ggml_tensor* weight) {
  if (weight == nullptr) return x;
  return ggml_mul(b.ctx(), ggml_rms_norm(b.ctx(), x, b.arch().norm_eps), weight);
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

ggml_tensor* softcap(const Builder& b, ggml_tensor* x, float c) {
  if (c == 0.0F) return x;
  return ggml_scale(b.ctx(), ggml_tanh(b.ctx(), ggml_scale(b.ctx(), x, 1.0F / c)), c);
}

}  // namespace exogpu::engine
