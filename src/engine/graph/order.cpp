#include "engine/graph/order.h"

#include <array>

namespace exogpu::engine {
namespace {

// All tensors on one backend, so that the scheduler divides nothing and copies no input.
void assign_all(ggml_backend_sched_t scheduler, ggml_cgraph* nodes, ggml_backend_t backend) {
  const auto assign = [&](ggml_tensor* t) {
    if (t != nullptr) ggml_backend_sched_set_tensor_backend(scheduler, t, backend);
  };
  for (int i = 0; i < ggml_graph_n_nodes(nodes); ++i) {
    ggml_tensor* node = ggml_graph_node(nodes, i);
    assign(node);
    for (ggml_tensor* source : node->src) {
      assign(source);
      if (source != nullptr) assign(source->view_src);
    }
  }
}

}  // namespace

// Only ggml's scheduler calls the backend's own function for this, when it divides a graph: in place, in the graph that
// it is given.
void order_operations(const Graph& graph, ggml_backend_t backend) {
  if (ggml_backend_dev_type(ggml_backend_get_device(backend)) == GGML_BACKEND_DEVICE_TYPE_CPU) return;
  const ggml_backend_ptr cpu(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr));  // which it insists on
  if (cpu == nullptr) return;
  std::array<ggml_backend_t, 2> backends = {backend, cpu.get()};
  const auto tensors_max = static_cast<size_t>(2 * ggml_graph_size(graph.nodes));  // with the inputs and weights
  const ggml_backend_sched_ptr scheduler(
      ggml_backend_sched_new(backends.data(), nullptr, static_cast<int>(backends.size()), tensors_max, false, false));
  assign_all(scheduler.get(), graph.nodes, backend);
  ggml_backend_sched_split_graph(scheduler.get(), graph.nodes);
}

}  // namespace exogpu::engine
