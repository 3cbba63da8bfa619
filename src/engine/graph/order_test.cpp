#include "engine/graph/order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/testing/tiny.h"
#include "gpu/testing/device.h"

namespace exogpu::engine {
namespace {

using namespace testing;

// Four pairs of operations that need nothing of each other, each pair behind the one before.
Graph pairs() {
  Graph graph;
  graph.ctx.reset(ggml_init({.mem_size = 32 * ggml_tensor_overhead() + ggml_graph_overhead_custom(32, false),
                             .mem_buffer = nullptr,
                             .no_alloc = true}));
  graph.nodes = ggml_new_graph_custom(graph.ctx.get(), 32, false);
  ggml_tensor* x = ggml_new_tensor_1d(graph.ctx.get(), GGML_TYPE_F32, 64);
  for (int i = 1; i <= 4; ++i) {
    ggml_tensor* scaled = ggml_scale(graph.ctx.get(), x, static_cast<float>(i));
    ggml_build_forward_expand(graph.nodes, ggml_sqr(graph.ctx.get(), scaled));
  }
  return graph;
}

std::vector<const ggml_tensor*> nodes_of(const Graph& graph) {
  std::vector<const ggml_tensor*> nodes;
  for (int i = 0; i < ggml_graph_n_nodes(graph.nodes); ++i) nodes.push_back(ggml_graph_node(graph.nodes, i));
  return nodes;
}

// What is wrong with the order that a software renderer gives the pairs; empty: nothing.
std::string on_vulkan() {
  const auto machine = gpu::Machine::discover({.backend = {}, .software = true});
  if (!machine) return machine.error().message;
  const auto found =
      std::ranges::find_if(machine->devices(), [](const gpu::Device& d) { return d.info().backend == "Vulkan"; });
  if (found == machine->devices().end()) return "";  // not even a software renderer on this machine
  const ggml_backend_ptr backend(ggml_backend_dev_init(found->handle(), nullptr));
  const Graph graph = pairs();
  const auto before = nodes_of(graph);
  order_operations(graph, backend.get());
  const auto after = nodes_of(graph);
  if (!std::ranges::is_permutation(before, after)) return "other operations than before";
  if (before == after)
    return "the order is the one before: operations that need nothing of each other are not together";
  for (auto node = after.begin(); node != after.end(); ++node)
    if ((*node)->op == GGML_OP_SQR && std::find(after.begin(), node, (*node)->src[0]) == node)
      return "an operation comes before one that it needs";
  return "";
}

TEST(OrderDeathTest, OfADeviceKeepsWhatOperationsNeed) { EXPECT_IN_NEW_PROCESS(on_vulkan); }

TEST(Order, OfTheProcessorIsThatOfTheModel) {
  const ggml_backend_ptr backend(ggml_backend_dev_init(cpu().handle(), nullptr));
  const Graph graph = pairs();
  const auto before = nodes_of(graph);
  order_operations(graph, backend.get());
  EXPECT_EQ(nodes_of(graph), before);
}

}  // namespace
}  // namespace exogpu::engine
