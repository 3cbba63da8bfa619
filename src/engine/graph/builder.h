// The functions that build the parts of a layer; each is in a file of its own in this folder.
#pragma once

#include "engine/graph/graph.h"

namespace exogpu::engine {

struct Builder {
  const GraphSource& source;
  Graph& graph;

  ggml_context* ctx() const { return graph.ctx.get(); }
  const Architecture& arch() const { return source.architecture; }
  const ModelWeights& weights() const {
    return graph.shape.tokens < kPromptTokens ? source.weights : source.prompt_weights;
  }
  const LayerSpec& layer(uint32_t index) const { return arch().layers[index]; }
  void expand(ggml_tensor* t) const { ggml_build_forward_expand(graph.nodes, t); }
  // The graph can be cut here.
  void cut(GraphCut::After after, uint32_t index, ggml_tensor* sum = nullptr) const {
    graph.cuts.push_back({.after = after, .layer = index, .nodes = ggml_graph_n_nodes(graph.nodes), .sum = sum});
  }
  // ... behind this output of a mixer or a feed-forward, which is expanded.
  void cut_after_sum(GraphCut::After after, uint32_t index, ggml_tensor* sum) const {
    expand(sum);
    cut(after, index, sum);
  }
};

// The family's norm with weights; `x` itself where there are none.
ggml_tensor* norm(const Builder& b, ggml_tensor* x, const Norm& weights);
// RMS norm of each row, with weights or without.
ggml_tensor* rms_norm(const Builder& b, ggml_tensor* x, ggml_tensor* weight = nullptr);

// Asks for sums in F32 if the weights are not quantised: unquantised weights are for exact results, and the error of
// quantised weights exceeds that of F16 sums. Returns the product.
ggml_tensor* precise(ggml_tensor* product);

// W·x + b.  [d_in, n] -> [d_out, n]
ggml_tensor* multiply(const Builder& b, const Matrix& m, ggml_tensor* x);

// Part `i` of a fused product, [rows, n]: a view where the matrix holds other parts too, so rows may be strided.
// `product` is that of the part's whole matrix.
ggml_tensor* part_of(const Builder& b, const FusedMatrices& fused, size_t i, ggml_tensor* product);

// The product of part `i` alone, [rows, n]. Precondition: `fused` is divisible.
ggml_tensor* multiply_part(const Builder& b, const FusedMatrices& fused, size_t i, ggml_tensor* x);

// c·tanh(x/c), in place of x; x where c is 0.
ggml_tensor* softcap(const Builder& b, ggml_tensor* x, float c);

// All parts' tokens in one tensor.
ggml_tensor* join_tokens(const Builder& b, std::span<ggml_tensor* const> parts);

// The tokens whose results are needed. All tokens write to the cache and move the states.
enum class QueryRows { all, outputs, none };

// The rows of `x` [width, n] that `rows` names. Not for QueryRows::none.
ggml_tensor* select_rows(const Builder& b, ggml_tensor* x, QueryRows rows);

// The mixers of layer `index` (counted in the whole model).
// [d_model, n] -> [d_model, query_rows]; null for QueryRows::none.
ggml_tensor* attention(const Builder& b, const AttentionWeights& w, uint32_t index, ggml_tensor* x, QueryRows rows);
ggml_tensor* latent_attention(const Builder& b, const LatentWeights& w, uint32_t index, ggml_tensor* x, QueryRows rows);
ggml_tensor* gated_delta(const Builder& b, const DeltaWeights& w, uint32_t index, ggml_tensor* x, QueryRows rows);
ggml_tensor* mamba2(const Builder& b, const Mamba2Weights& w, uint32_t index, ggml_tensor* x, QueryRows rows);
ggml_tensor* short_convolution(const Builder& b, const ShortConvWeights& w, uint32_t index, ggml_tensor* x,
                               QueryRows rows);

// The feed-forwards. [d_model, n] -> [d_model, n]. `sparse`: only gates far above their mean pass.
ggml_tensor* dense_feed_forward(const Builder& b, const DenseWeights& w, ggml_tensor* x, Activation activation,
                                bool sparse = false);
ggml_tensor* expert_feed_forward(const Builder& b, const ExpertWeights& w, ggml_tensor* x, ggml_tensor* router_x);

// act(gate) * up; of one tensor that holds both, one after the other.
ggml_tensor* gated(const Builder& b, ggml_tensor* gate, ggml_tensor* up, Activation activation);
ggml_tensor* gated(const Builder& b, ggml_tensor* gate_and_up, Activation activation);

// The experts of each token and their weights.
struct Routing {
  ggml_tensor* chosen = nullptr;  // [used, n] i32
  ggml_tensor* share = nullptr;   // [1, used, n]
};
Routing route(const Builder& b, const ExpertWeights& w, ggml_tensor* x);

// What passes from layer to layer.
struct Passing {
  ggml_tensor* x = nullptr;          // [d_model, n], or [d_model, n, streams]
  ggml_tensor* per_layer = nullptr;  // [per_layer_width * n_layers, n]; null where the model has none
};

// Layer `index` from end to end; x is null afterwards for QueryRows::none.
Passing plain_layer(const Builder& b, uint32_t index, Passing in, QueryRows rows);
Passing streams_layer(const Builder& b, uint32_t index, Passing in, QueryRows rows);

// The feed-forward that the layer has. [d_model, n] -> [d_model, n]; `raw` is x before its norm.
ggml_tensor* layer_feed_forward(const Builder& b, uint32_t index, ggml_tensor* x, ggml_tensor* raw);
// The layer's vector of each token, gated by x. [d_model, n] -> [d_model, n]
ggml_tensor* per_layer_input(const Builder& b, uint32_t index, ggml_tensor* x, ggml_tensor* per_layer);

// Of models with streams: one becomes several, several become one. [d_model, n] <-> [d_model, n, streams]
ggml_tensor* split_streams(const Builder& b, ggml_tensor* x);
ggml_tensor* merge_streams(const Builder& b, ggml_tensor* x);

// The inputs of the first layer and the result of the last.
Passing enter(const Builder& b);
ggml_tensor* leave(const Builder& b, const Passing& p);

}  // namespace exogpu::engine
