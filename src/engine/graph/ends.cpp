// What a shard begins with and what it hands on.
#include <cmath>
#include <vector>

#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

// The vectors of all layers: looked up, plus a projection of the embedding.
ggml_tensor* per_layer_vectors(const Builder& b, ggml_tensor* embedding) {
  const Architecture& a = b.arch();
  const ModelWeights& w = b.weights();
  ggml_context* ctx = b.ctx();
  const int64_t n = embedding->ne[1];
  const int64_t width = int64_t{a.per_layer_width} * a.n_layers;
  ggml_tensor* rows = ggml_get_rows(ctx, w.per_layer_embedding, b.graph.inputs.tokens);
  rows = ggml_scale(ctx, rows, std::sqrt(static_cast<float>(a.per_layer_width)));
  ggml_tensor* projected = multiply(b, w.per_layer_projection, embedding);
  projected = ggml_scale(ctx, projected, 1.0F / std::sqrt(static_cast<float>(a.d_model)));
  projected = norm(b, ggml_reshape_3d(ctx, projected, a.per_layer_width, a.n_layers, n), w.per_layer_norm);
  rows = ggml_add(ctx, ggml_reshape_2d(ctx, projected, width, n), rows);
  return ggml_scale(ctx, rows, 1.0F / std::sqrt(2.0F));
}

Passing begin_model(const Builder& b) {
  const GraphInputs& in = b.graph.inputs;
  const Architecture& a = b.arch();
  ggml_tensor* embedding = b.weights().embedding;
  ggml_tensor* x = embedding != nullptr ? ggml_get_rows(b.ctx(), embedding, in.tokens) : in.activations;
  if (a.embedding_scale != 1.0F) x = ggml_scale(b.ctx(), x, a.embedding_scale);
  const ModelWeights& w = b.weights();
  if (w.token_types != nullptr) x = ggml_add(b.ctx(), x, ggml_view_1d(b.ctx(), w.token_types, a.d_model, 0));
  if (w.positions != nullptr) x = ggml_add(b.ctx(), x, ggml_get_rows(b.ctx(), w.positions, in.attention.positions));
  x = norm(b, x, w.embedding_norm);
  Passing p{x, nullptr};
  if (a.per_layer_width > 0) p.per_layer = per_layer_vectors(b, x);
  if (a.streams.count > 1) p.x = split_streams(b, x);
  return p;
}

// [d_model, n] or [d_model, n, streams] -> [d_model * streams, n], each token's values one after another.
ggml_tensor* by_token(const Builder& b, ggml_tensor* x) {
  const int64_t count = b.arch().streams.count;
  if (count == 1) return x;
  x = ggml_cont(b.ctx(), ggml_permute(b.ctx(), x, 0, 2, 1, 3));
  return ggml_reshape_2d(b.ctx(), x, x->ne[0] * count, x->ne[2]);
}

// One vector of each sequence's tokens: [d_model, n] -> [embedding width, sequences].
ggml_tensor* embedding_of(const Builder& b, ggml_tensor* x) {
  ggml_context* ctx = b.ctx();
  const Pooling pooling = b.arch().pooling;
  std::vector<ggml_tensor*> parts;
  int64_t first_token = 0;
  for (const SlotGroup& g : b.graph.shape.groups) {
    if (pooling == Pooling::last) break;  // the outputs are the last tokens
    ggml_tensor* tokens =
        ggml_view_3d(ctx, x, x->ne[0], g.tokens, g.slots, x->nb[1], x->nb[1] * g.tokens, x->nb[1] * first_token);
    if (pooling == Pooling::mean) {
      tokens = ggml_mean(ctx, ggml_cont(ctx, ggml_permute(ctx, tokens, 1, 0, 2, 3)));
      parts.push_back(ggml_reshape_2d(ctx, tokens, x->ne[0], g.slots));
    } else {
      parts.push_back(ggml_cont(ctx, ggml_view_2d(ctx, tokens, x->ne[0], g.slots, tokens->nb[2], 0)));
    }
    first_token += g.all_tokens();
  }
  ggml_tensor* pooled = parts.empty() ? x : join_tokens(b, parts);
  for (const Matrix& dense : b.weights().pooled_dense)
    if (dense.weight != nullptr) pooled = multiply(b, dense, pooled);
  return pooled;
}

ggml_tensor* head(const Builder& b, ggml_tensor* x) {
  if (b.arch().streams.count > 1) {
    x = merge_streams(b, x);
    if (b.graph.inputs.output_rows != nullptr) x = select_rows(b, x, QueryRows::outputs);
  }
  x = norm(b, x, b.weights().output_norm);
  if (b.source.embeddings) return embedding_of(b, x);
  x = multiply(b, b.weights().output, x);
  if (b.arch().logit_scale != 1.0F) x = ggml_scale(b.ctx(), x, b.arch().logit_scale);
  return softcap(b, x, b.arch().logit_softcap);
}

}  // namespace

Passing enter(const Builder& b) {
  const Architecture& a = b.arch();
  if (b.source.layers.begin == 0) return begin_model(b);
  ggml_tensor* in = b.graph.inputs.activations;
  const int64_t n = in->ne[1];
  const size_t element = ggml_element_size(in);
  if (a.activation_width() == a.d_model) return {in, nullptr};
  const int64_t count = a.streams.count;
  ggml_tensor* x = ggml_view_3d(b.ctx(), in, a.d_model, n, count, in->nb[1], a.d_model * element, 0);
  Passing p{ggml_cont(b.ctx(), x), nullptr};
  if (count == 1) p.x = ggml_reshape_2d(b.ctx(), p.x, a.d_model, n);
  if (a.per_layer_width > 0)
    p.per_layer =
        ggml_view_2d(b.ctx(), in, int64_t{a.per_layer_width} * a.n_layers, n, in->nb[1], a.d_model * count * element);
  return p;
}

ggml_tensor* leave(const Builder& b, const Passing& p) {
  if (b.source.layers.end == b.arch().n_layers) return head(b, p.x);
  ggml_tensor* x = by_token(b, p.x);
  return p.per_layer != nullptr ? ggml_concat(b.ctx(), x, p.per_layer, 0) : x;
}

}  // namespace exogpu::engine
