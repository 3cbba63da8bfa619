#include "engine/graph/graph_parts.h"

#include <algorithm>

namespace exogpu::engine {
namespace {

constexpr uint32_t kTokensMin = 32;

}  // namespace

GraphParts parts_of(const Graph& graph) {
  GraphParts divided;
  if (graph.shape.tokens < kTokensMin || graph.layer_ends.size() < 2) return divided;
  std::vector<int> ends = graph.layer_ends;
  ends.back() = ggml_graph_n_nodes(graph.nodes);  // what follows the last layer goes with it
  int largest = 0;
  for (size_t i = 0; i < ends.size(); ++i) largest = std::max(largest, ends[i] - (i == 0 ? 0 : ends[i - 1]));
  const auto nodes_max = static_cast<size_t>(largest);
  divided.ctx.reset(ggml_init({.mem_size = ends.size() * ggml_graph_overhead_custom(nodes_max, false),
                               .mem_buffer = nullptr,
                               .no_alloc = true}));
  int node = 0;
  for (const int end : ends) {
    ggml_cgraph* part = ggml_new_graph_custom(divided.ctx.get(), nodes_max, false);
    for (; node < end; ++node) ggml_graph_add_node(part, ggml_graph_node(graph.nodes, node));
    divided.parts.push_back(part);
  }
  return divided;
}

}  // namespace exogpu::engine
