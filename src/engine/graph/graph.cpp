#include "engine/graph/graph.h"

#include <algorithm>

#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

constexpr size_t nodes_per_layer = 224;  // of a layer with one group, with room to spare
constexpr size_t nodes_per_group = 64;   // more of each layer, for every further group
constexpr size_t nodes_around = 128;

size_t nodes_max(const GraphSource& source, const BatchShape& shape) {
  size_t per_layer =
      nodes_per_layer + nodes_per_group * shape.groups.size() + 3 * size_t{source.architecture.experts.used};
  return nodes_around + source.layers.size() * per_layer + 8 * shape.groups.size();
}

// Never a view of a larger tensor: where the positions are one, ggml's Vulkan backend no longer makes one operation of
// the norm and the rotation of the queries, which costs an H200 3 % of an answer's speed.
ggml_tensor* input(ggml_tensor* t, const char* name) {
  ggml_set_name(t, name);
  ggml_set_input(t);
  return t;
}

AttentionInputs attention_inputs(const Builder& b, std::span<const SlotGroup> groups, uint32_t n) {
  AttentionInputs in;
  const bool axes = b.arch().rope.has_axes();
  in.positions = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I32, axes ? GGML_MROPE_SECTIONS * n : n), "positions");
  if (b.arch().temperature.scale != 0.0F)
    in.query_scales = input(ggml_new_tensor_3d(b.ctx(), GGML_TYPE_F32, 1, 1, n), "query scales");
  for (const SlotGroup& g : groups) {
    auto mask = [&](const char* name) {
      return input(ggml_new_tensor_4d(b.ctx(), GGML_TYPE_F16, g.rows, g.tokens, 1, g.slots), name);
    };
    in.masks.push_back(mask("mask"));
    if (b.arch().sliding.window > 0) in.sliding_masks.push_back(mask("sliding mask"));
  }
  return in;
}

void add_first_inputs(const Builder& b) {
  GraphInputs& in = b.graph.inputs;
  const uint32_t n = b.graph.shape.tokens;
  const ModelWeights& w = b.weights();
  const bool first = b.source.layers.begin == 0;
  if (first && (w.embedding != nullptr || w.per_layer_embedding != nullptr))
    in.tokens = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I32, n), "tokens");
  if (first && w.embedding != nullptr) return;
  const uint32_t width = first ? b.arch().d_model : b.arch().activation_width();
  in.activations = input(ggml_new_tensor_2d(b.ctx(), GGML_TYPE_F32, width, n), "activations");
}

void add_inputs(const Builder& b) {
  GraphInputs& in = b.graph.inputs;
  const BatchShape& shape = b.graph.shape;
  add_first_inputs(b);
  in.cache_rows = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I64, shape.tokens), "cache rows");
  if (b.arch().mamba2.inner > 0) {
    const uint32_t slots = std::ranges::max(shape.groups, {}, &SlotGroup::slots).slots;
    in.slot_numbers = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I32, slots), "slot numbers");
  }
  in.attention = attention_inputs(b, shape.groups, shape.tokens);
  bool is_last = b.source.layers.end == b.arch().n_layers;
  if (!is_last || shape.outputs == 0 || shape.outputs == shape.tokens) return;
  in.output_rows = input(ggml_new_tensor_1d(b.ctx(), GGML_TYPE_I32, shape.outputs), "output rows");
  in.output_attention = attention_inputs(b, shape.output_groups, shape.outputs);
}

// In the model's last layer only the outputs are needed.
QueryRows rows_of_last_layer(const Graph& graph) {
  if (graph.shape.outputs == 0) return QueryRows::none;
  return graph.inputs.output_rows != nullptr ? QueryRows::outputs : QueryRows::all;
}

Passing layer(const Builder& b, uint32_t index, const Passing& in, bool is_final) {
  const QueryRows rows = is_final ? rows_of_last_layer(b.graph) : QueryRows::all;
  if (b.arch().streams.count == 1) return plain_layer(b, index, in, rows);
  // The streams are merged before the outputs are selected.
  return streams_layer(b, index, in, rows == QueryRows::outputs ? QueryRows::all : rows);
}

}  // namespace

Graph build_graph(const GraphSource& source, const BatchShape& shape) {
  Graph graph;
  graph.shape = shape;
  graph.layers = source.layers;
  size_t n = nodes_max(source, shape);
  graph.ctx.reset(ggml_init({.mem_size = n * ggml_tensor_overhead() + ggml_graph_overhead_custom(n, false),
                             .mem_buffer = nullptr,
                             .no_alloc = true}));
  graph.nodes = ggml_new_graph_custom(graph.ctx.get(), n, false);
  Builder b{source, graph};
  add_inputs(b);
  Passing p = enter(b);
  bool is_last = source.layers.end == source.architecture.n_layers;
  for (uint32_t i = source.layers.begin; i < source.layers.end; ++i) {
    p = layer(b, i, p, is_last && i + 1 == source.layers.end);
    if (p.x != nullptr) b.expand(p.x);
    b.cut(GraphCut::After::layer, i);
  }
  if (p.x != nullptr) {
    graph.result = leave(b, p);
    ggml_set_name(graph.result, "result");
    ggml_set_output(graph.result);
    b.expand(graph.result);
  }
  return graph;
}

}  // namespace exogpu::engine
