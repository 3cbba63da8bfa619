#include "engine/graph/attend.h"

namespace exogpu::engine {
namespace {

// Elements [begin, begin + n) of each head of x [head_dim, heads, n].
ggml_tensor* slice(const Builder& b, ggml_tensor* x, uint32_t begin, uint32_t n) {
  return ggml_view_3d(b.ctx(), x, n, x->ne[1], x->ne[2], x->nb[1], x->nb[2], begin * ggml_element_size(x));
}

// A matrix for each head: [d_in, heads, n] -> [d_out, heads, n], a view.
ggml_tensor* multiply_heads(const Builder& b, ggml_tensor* matrices, ggml_tensor* x) {
  ggml_tensor* y = precise(ggml_mul_mat(b.ctx(), matrices, ggml_permute(b.ctx(), x, 0, 2, 1, 3)));
  return ggml_permute(b.ctx(), y, 0, 2, 1, 3);
}

// [head_dim_k of the cache, heads, query rows]
ggml_tensor* latent_queries(const Builder& b, const LatentWeights& w, uint32_t index, ggml_tensor* x, QueryRows rows) {
  const LatentAttention& l = b.arch().latent;
  x = select_rows(b, x, rows);
  if (w.q_down.weight != nullptr) x = norm(b, multiply(b, w.q_down, x), w.q_norm);
  ggml_tensor* q = as_heads(b, multiply(b, w.q, x), l.head_dim(), b.layer(index).n_heads);
  ggml_tensor* nope = slice(b, q, 0, l.nope);
  ggml_tensor* rope = rotate(b, slice(b, q, l.nope, l.rope), b.arch().rope, attending(b, rows).positions);
  if (l.absorbed) nope = multiply_heads(b, w.k_up, nope);
  return scale_queries(b, index, ggml_concat(b.ctx(), nope, rope, 0), rows);
}

// Writes the compressed vector and the rotated part of the keys, or the keys and values made of them.
void store_latent(const Builder& b, const LatentWeights& w, uint32_t index, ggml_tensor* x) {
  const LatentAttention& l = b.arch().latent;
  const KvCache& cache = b.source.cache;
  const uint32_t local = index - b.source.layers.begin;
  ggml_tensor* down = as_heads(b, multiply(b, w.kv_down, x), l.kv_rank + l.rope, 1);
  ggml_tensor* rope = rotate(b, slice(b, down, l.kv_rank, l.rope), b.arch().rope, b.graph.inputs.attention.positions);
  ggml_tensor* latent = norm(b, slice(b, down, 0, l.kv_rank), w.kv_norm);
  if (l.absorbed) {
    store_heads(b, cache.keys(local), ggml_concat(b.ctx(), latent, rope, 0));
    return;
  }
  const uint32_t heads = b.layer(index).n_heads;
  latent = ggml_reshape_2d(b.ctx(), latent, l.kv_rank, x->ne[1]);
  ggml_tensor* kv = as_heads(b, multiply(b, w.kv_up, latent), l.nope + l.v, heads);
  rope = ggml_repeat_4d(b.ctx(), rope, l.rope, heads, x->ne[1], 1);
  store_heads(b, cache.keys(local), ggml_concat(b.ctx(), slice(b, kv, 0, l.nope), rope, 0));
  store_heads(b, cache.values(local), ggml_cont(b.ctx(), slice(b, kv, l.nope, l.v)));
}

}  // namespace

ggml_tensor* latent_attention(const Builder& b, const LatentWeights& w, uint32_t index, ggml_tensor* x,
                              QueryRows rows) {
  const LatentAttention& l = b.arch().latent;
  const LayerSpec& spec = b.layer(index);
  const uint32_t local = index - b.source.layers.begin;
  const KvCache& cache = b.source.cache;
  ggml_tensor* q = nullptr;
  if (rows != QueryRows::none) {
    q = latent_queries(b, w, index, x, rows);
    b.expand(q);
  }
  store_latent(b, w, index, x);
  if (rows == QueryRows::none) return nullptr;
  ggml_tensor* values = l.absorbed ? cache.keys(local) : cache.values(local);
  ggml_tensor* y = attend_all(b, index, q, {cache.keys(local), values}, nullptr, rows);
  if (l.absorbed) {
    y = multiply_heads(b, w.v_up, as_heads(b, y, l.kv_rank, spec.n_heads));
    y = ggml_cont_2d(b.ctx(), y, int64_t{l.v} * spec.n_heads, y->ne[2]);
  }
  return multiply(b, w.out, y);
}

}  // namespace exogpu::engine
