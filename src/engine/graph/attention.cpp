#include "engine/graph/attend.h"

namespace exogpu::engine {
namespace {

struct Projected {
  ggml_tensor* q = nullptr;  // [q_width, query rows], or twice as wide with gates
  ggml_tensor* k = nullptr;  // [k_width, n]
  ggml_tensor* v = nullptr;  // [v_width, n]
};

// With QueryRows::outputs only the outputs need queries. Queries that share a matrix with keys are computed and
// dropped.
Projected project(const Builder& b, const FusedMatrices& qkv, ggml_tensor* x, QueryRows rows) {
  std::vector<ggml_tensor*> products(qkv.matrices.size());
  const bool own_matrix = qkv.parts.size() == 1 || qkv.parts[0].matrix != qkv.parts[1].matrix;
  for (size_t i = own_matrix ? 1 : 0; i < products.size(); ++i) products[i] = multiply(b, qkv.matrices[i], x);
  auto part = [&](size_t i) { return part_of(b, qkv, i, products[qkv.parts[i].matrix]); };
  Projected out;
  if (qkv.parts.size() > 1) out.k = part(1);
  if (qkv.parts.size() > 1) out.v = qkv.parts.size() > 2 ? part(2) : out.k;
  if (rows == QueryRows::none) return out;
  out.q = own_matrix ? multiply(b, qkv.matrices[0], select_rows(b, x, rows)) : select_rows(b, part(0), rows);
  return out;
}

// Norm and rotation as the layer has them.  [head_dim, heads, n] -> the same
ggml_tensor* prepare(const Builder& b, uint32_t index, ggml_tensor* x, ggml_tensor* norm_weight,
                     ggml_tensor* positions) {
  const Architecture& a = b.arch();
  const bool rotates = b.layer(index).rotates;
  const bool normed = a.qk_norm == QkNorm::per_head && (a.qk_norm_weights || rotates);
  if (normed && !a.qk_norm_rotated) x = rms_norm(b, x, norm_weight);
  if (rotates) x = rotate(b, x, a.rope_of(index), positions);
  if (normed && a.qk_norm_rotated) x = rms_norm(b, x, norm_weight);
  return x;
}

ggml_tensor* wide_norm(const Builder& b, ggml_tensor* x, ggml_tensor* weight) {
  return b.arch().qk_norm == QkNorm::whole ? rms_norm(b, x, weight) : x;
}

void store(const Builder& b, const AttentionWeights& w, uint32_t index, const Projected& p) {
  const LayerSpec& l = b.layer(index);
  const uint32_t local = index - b.source.layers.begin;
  b.expand(p.v);
  ggml_tensor* k = as_heads(b, wide_norm(b, p.k, w.k_norm), l.head_dim_k, l.n_kv_heads);
  k = prepare(b, index, k, w.k_norm, b.graph.inputs.attention.positions);
  ggml_tensor* v = as_heads(b, p.v, l.head_dim_v, l.n_kv_heads);
  store_heads(b, b.source.cache.keys(local), k);
  store_heads(b, b.source.cache.values(local), b.arch().v_norm ? rms_norm(b, v) : v);
}

// The heads of q [2 * q_width, n], whose halves are a query and its gate.
ggml_tensor* half_of_heads(const Builder& b, const LayerSpec& l, ggml_tensor* q, bool second) {
  const size_t half = l.head_dim_k * ggml_element_size(q);
  return ggml_view_3d(b.ctx(), q, l.head_dim_k, l.n_heads, q->ne[1], 2 * half, q->nb[1], second ? half : 0);
}

}  // namespace

ggml_tensor* attention(const Builder& b, const AttentionWeights& w, uint32_t index, ggml_tensor* x, QueryRows rows) {
  const Architecture& a = b.arch();
  const LayerSpec& l = b.layer(index);
  const uint32_t local = index - b.source.layers.begin;
  Projected p = project(b, w.qkv, x, rows);
  ggml_tensor* q = nullptr;
  if (p.q != nullptr) {
    q = a.gated_attention ? half_of_heads(b, l, p.q, false)
                          : as_heads(b, wide_norm(b, p.q, w.q_norm), l.head_dim_k, l.n_heads);
    q = scale_queries(b, index, prepare(b, index, q, w.q_norm, attending(b, rows).positions), rows);
    b.expand(q);
  }
  if (p.k != nullptr) store(b, w, index, p);
  if (rows == QueryRows::none) return nullptr;
  const KvCache& cache = b.source.cache;
  ggml_tensor* y = attend_all(b, index, q, {cache.keys(local), cache.values(local)}, w.sinks, rows);
  if (a.gated_attention) {
    ggml_tensor* gate = ggml_cont_2d(b.ctx(), half_of_heads(b, l, p.q, true), l.q_width(), p.q->ne[1]);
    y = ggml_mul(b.ctx(), y, ggml_sigmoid(b.ctx(), gate));
  }
  return multiply(b, w.out, y);
}

}  // namespace exogpu::engine
