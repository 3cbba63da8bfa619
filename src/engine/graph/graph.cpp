#include "engine/graph/graph.h"

#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

constexpr size_t nodes_per_layer = 96;  // of a dense layer with one group, with room to spare
constexpr size_t nodes_per_group = 32;  // more of each layer, for every further group
constexpr size_t nodes_around = 64;

size_t nodes_max(const GraphSource& source, const BatchShape& shape) {
  size_t per_layer =
      nodes_per_layer + nodes_per_group * shape.groups.size() + 3 * size_t{source.architecture.experts.used};
  return nodes_around + source.layers.size() * per_layer + 8 * shape.groups.size();
}

ggml_tensor* input(ggml_tensor* t, const char* name) {
  ggml_set_name(t, name);
  ggml_set_input(t);
  return t;
}

AttentionInputs attention_inputs(const Builder& b, std::span<const SlotGroup> groups, uint32_t n) {
  AttentionInputs in;
  in.positions = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I32, n), "positions");
  for (const SlotGroup& g : groups) {
    auto mask = [&](const char* name) {
      return input(ggml_new_tensor_4d(b.ctx(), GGML_TYPE_F16, g.rows, g.tokens, 1, g.slots), name);
    };
    in.masks.push_back(mask("mask"));
    if (b.arch().sliding.period > 0) in.sliding_masks.push_back(mask("sliding mask"));
  }
  return in;
}

void add_inputs(const Builder& b) {
  GraphInputs& in = b.graph.inputs;
  const BatchShape& shape = b.graph.shape;
  if (b.source.layers.begin == 0 && b.source.weights.embedding != nullptr)
    in.tokens = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I32, shape.tokens), "tokens");
  else
    in.activations = input(ggml_new_tensor_2d(b.ctx(), GGML_TYPE_F32, b.arch().d_model, shape.tokens), "activations");
  in.cache_rows = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I64, shape.tokens), "cache rows");
  in.attention = attention_inputs(b, shape.groups, shape.tokens);
  bool is_last = b.source.layers.end == b.arch().n_layers;
  if (!is_last || shape.outputs == 0 || shape.outputs == shape.tokens) return;
  in.output_rows = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I32, shape.outputs), "output rows");
  in.output_attention = attention_inputs(b, shape.output_groups, shape.outputs);
}

ggml_tensor* enter(const Builder& b) {
  const GraphInputs& in = b.graph.inputs;
  ggml_tensor* x =
      in.tokens != nullptr ? ggml_get_rows(b.ctx(), b.source.weights.embedding, in.tokens) : in.activations;
  if (b.source.layers.begin == 0 && b.arch().embedding_scale != 1.0F)
    x = ggml_scale(b.ctx(), x, b.arch().embedding_scale);
  return x;
}

// x + scale * y
ggml_tensor* add_residual(const Builder& b, ggml_tensor* x, ggml_tensor* y) {
  float scale = b.arch().residual_scale;
  return ggml_add(b.ctx(), scale != 1.0F ? ggml_scale(b.ctx(), y, scale) : y, x);
}

// One transformer layer. Null when only its keys and values are needed.
ggml_tensor* layer(const Builder& b, uint32_t index, ggml_tensor* x, bool is_final) {
  const LayerWeights& w = b.source.weights.layers[index - b.source.layers.begin];
  QueryRows query_rows = !is_final                               ? QueryRows::all
                         : b.graph.shape.outputs == 0            ? QueryRows::none
                         : b.graph.inputs.output_rows != nullptr ? QueryRows::outputs
                                                                 : QueryRows::all;
  ggml_tensor* y = attention(b, w, index, norm(b, x, w.attention_norm), query_rows);
  if (query_rows == QueryRows::none) return nullptr;
  if (query_rows == QueryRows::outputs) x = ggml_get_rows(b.ctx(), x, b.graph.inputs.output_rows);
  y = norm(b, multiply(b, w.attention_out, y), w.attention_post_norm);
  x = add_residual(b, x, y);

  ggml_tensor* in = norm(b, x, w.feed_forward_norm);
  y = b.arch().experts.count > 0 ? expert_feed_forward(b, w, in) : feed_forward(b, w, in);
  return add_residual(b, x, norm(b, y, w.feed_forward_post_norm));
}

ggml_tensor* head(const Builder& b, ggml_tensor* x) {
  x = multiply(b, b.source.weights.output, norm(b, x, b.source.weights.output_norm));
  if (b.arch().logit_scale != 1.0F) x = ggml_scale(b.ctx(), x, b.arch().logit_scale);
  return softcap(b, x, b.arch().logit_softcap);
}

}  // namespace

Graph build_graph(const GraphSource& source, const BatchShape& shape) {
  Graph graph;
  graph.shape = shape;
  size_t n = nodes_max(source, shape);
  graph.ctx.reset(ggml_init({.mem_size = n * ggml_tensor_overhead() + ggml_graph_overhead_custom(n, false),
                             .mem_buffer = nullptr,
                             .no_alloc = true}));
  graph.nodes = ggml_new_graph_custom(graph.ctx.get(), n, false);
  Builder b{source, graph};
  add_inputs(b);
  ggml_tensor* x = enter(b);
  bool is_last = source.layers.end == source.architecture.n_layers;
  for (uint32_t i = source.layers.begin; i < source.layers.end; ++i)
    x = layer(b, i, x, is_last && i + 1 == source.layers.end);
  if (x != nullptr) {
    if (is_last) x = head(b, x);
    ggml_set_name(x, "result");
    ggml_set_output(x);
    b.expand(x);
  }
  graph.result = x;
  return graph;
}

}  // namespace exogpu::engine
