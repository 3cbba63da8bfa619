// A graph in segments that are computed one after the other, so that something can happen between them: another number
// of threads, weights that arrive, partial sums that are exchanged.
#pragma once

#include <ggml-cpp.h>

#include <vector>

#include "engine/graph/graph.h"
#include "wire/layer_range.h"

namespace exogpu::engine {

// The cuts at which the graphs of a shard are divided.
struct SegmentRule {
  std::vector<bool> after_layer = {};  // for each layer, counted from the shard's first; empty: none
  bool after_sums = false;             // after each output of a mixer and of a feed-forward
  // After each layer, in graphs of so many tokens that a layer takes long against a change of threads.
  bool prompts_by_layer = false;
};

struct Segment {
  ggml_cgraph* nodes = nullptr;
  // The layers that have nodes in it. What comes before the first layer is in the first segment, the head in the last.
  wire::LayerRange layers;
  // With which it ends, where it ends at the output of a mixer or a feed-forward: [d_model, rows] f32.
  ggml_tensor* sum = nullptr;
};

// Segments share the nodes of their graph, which must outlive them. All nodes together, in the order of the graph: the
// same operations on the same memory, so the CPU gives the same bits. Other backends fuse nothing across a cut, nor
// inside the segments of a graph that was divided.
struct Segments {
  ggml_context_ptr ctx;
  std::vector<Segment> segments;  // at least one; a single one is the graph itself
};

// Where a layer ends does not depend on where the model is cut, so neither does what a backend computes together.
Segments segments_of(const Graph& graph, const SegmentRule& rule);

}  // namespace exogpu::engine
