// A graph in parts that are computed one after the other, so that the number of threads can change between them.
#pragma once

#include <ggml-cpp.h>

#include <vector>

#include "engine/graph/graph.h"

namespace exogpu::engine {

// Graphs that share the nodes of another one, which must outlive them.
struct GraphParts {
  ggml_context_ptr ctx;
  std::vector<ggml_cgraph*> parts;  // empty: the graph is not worth dividing
};

// One part for each layer, if the graph computes so many tokens that a layer takes long against a change of threads.
// Where a layer ends does not depend on where the model is cut, so neither does what a backend computes together.
GraphParts parts_of(const Graph& graph);

}  // namespace exogpu::engine
