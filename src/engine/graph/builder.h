// The functions that build the parts of a transformer block; each is in a file of its own in this folder.
#pragma once

#include "engine/graph/graph.h"

namespace exogpu::engine {

struct Builder {
  const GraphSource& source;
  Graph& graph;

  ggml_context* ctx() const { return graph.ctx.get(); }
  const Architecture& arch() const { return source.architecture; }
  void expand(ggml_tensor* t) const { ggml_build_forward_expand(graph.nodes, t); }
};

// RMS norm with weights; `x` itself where `weight` is null.
ggml_tensor* norm(const Builder& b, ggml_tensor* x, ggml_tensor* weight);

// Asks for sums in F32 if the weights are not quantised: unquantised weights are for exact results, and the error of
// quantised weights exceeds that of F16 sums. Returns the product.
ggml_tensor* precise(ggml_tensor* product);

// W·x + b.  [d_in, n] -> [d_out, n]
ggml_tensor* multiply(const Builder& b, const Matrix& m, ggml_tensor* x);

// Part `i` of a fused product, [rows, n]: a view where the matrix holds other parts too, so rows may be strided.
// `product` is that of the part's whole matrix.
ggml_tensor* part_of(const Builder& b, const FusedMatrices& fused, size_t i, ggml_tensor* product);

// c·tanh(x/c), in place of x; x where c is 0.
ggml_tensor* softcap(const Builder& b, ggml_tensor* x, float c);

// The tokens whose queries attend to the KV cache. All tokens write to it.
enum class QueryRows { all, outputs, none };

// Self-attention of layer `index` (counted in the whole model) before its output projection.
// [d_model, n] -> [n_heads * head_dim_v, query_rows]; null for QueryRows::none.
ggml_tensor* attention(const Builder& b, const LayerWeights& w, uint32_t index, ggml_tensor* x, QueryRows query_rows);

// [d_model, n] -> [d_model, n]
ggml_tensor* feed_forward(const Builder& b, const LayerWeights& w, ggml_tensor* x);
ggml_tensor* expert_feed_forward(const Builder& b, const LayerWeights& w, ggml_tensor* x);

}  // namespace exogpu::engine
