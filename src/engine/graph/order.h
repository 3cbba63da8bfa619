// The order in which a device computes the operations of a graph.
#pragma once

#include <ggml-cpp.h>

#include "engine/graph/graph.h"

namespace exogpu::engine {

// Has the backend put the graph's operations into the order that it computes fastest: those that need nothing of each
// other side by side, and those that it fuses behind each other. Results stay what they are. To be called before the
// graph gets memory, and not for graphs that are divided, whose cuts count operations. Backends that have no order of
// their own (the CPU's) leave the graph as it is.
void order_operations(const Graph& graph, ggml_backend_t backend);

}  // namespace exogpu::engine
