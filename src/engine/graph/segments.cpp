#include "engine/graph/segments.h"

#include <algorithm>

namespace exogpu::engine {
namespace {

constexpr uint32_t kPromptTokensMin = 32;

bool divides(const GraphCut& cut, const Graph& graph, const SegmentRule& rule) {
  if (cut.after != GraphCut::After::layer) return rule.after_sums;
  if (rule.prompts_by_layer && graph.shape.tokens >= kPromptTokensMin) return true;
  const uint32_t index = cut.layer - graph.layers.begin;
  return index < rule.after_layer.size() && rule.after_layer[index];
}

// The cuts that the rule chooses, and the end of the graph. A cut with nothing behind it is none: what follows the last
// layer goes with it.
std::vector<GraphCut> chosen_cuts(const Graph& graph, const SegmentRule& rule) {
  std::vector<GraphCut> chosen;
  int nodes = 0;
  for (const GraphCut& cut : graph.cuts) {
    const bool last_layer = cut.after == GraphCut::After::layer && cut.layer + 1 == graph.layers.end;
    if (last_layer || cut.nodes == nodes || !divides(cut, graph, rule)) continue;
    chosen.push_back(cut);
    nodes = cut.nodes;
  }
  chosen.push_back({.after = GraphCut::After::layer,
                    .layer = graph.layers.end - 1,
                    .nodes = ggml_graph_n_nodes(graph.nodes),
                    .sum = nullptr});
  return chosen;
}

}  // namespace

Segments segments_of(const Graph& graph, const SegmentRule& rule) {
  const std::vector<GraphCut> cuts = chosen_cuts(graph, rule);
  Segments divided;
  if (cuts.size() == 1) {
    divided.segments.push_back({.nodes = graph.nodes, .layers = graph.layers, .sum = nullptr});
    return divided;
  }
  int largest = 0;
  for (size_t i = 0; i < cuts.size(); ++i)
    largest = std::max(largest, cuts[i].nodes - (i == 0 ? 0 : cuts[i - 1].nodes));
  const auto nodes_max = static_cast<size_t>(largest);
  divided.ctx.reset(ggml_init({.mem_size = cuts.size() * ggml_graph_overhead_custom(nodes_max, false),
                               .mem_buffer = nullptr,
                               .no_alloc = true}));
  int node = 0;
  uint32_t first_layer = graph.layers.begin;
  for (const GraphCut& cut : cuts) {
    ggml_cgraph* nodes = ggml_new_graph_custom(divided.ctx.get(), nodes_max, false);
    for (; node < cut.nodes; ++node) ggml_graph_add_node(nodes, ggml_graph_node(graph.nodes, node));
    divided.segments.push_back({.nodes = nodes, .layers = {first_layer, cut.layer + 1}, .sum = cut.sum});
    first_layer = cut.after == GraphCut::After::layer ? cut.layer + 1 : cut.layer;
  }
  return divided;
}

}  // namespace exogpu::engine
