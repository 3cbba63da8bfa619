// Runs graphs on one device: caches recent ones, fills their inputs, reads their result.
#pragma once

#include <ggml-cpp.h>

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/batch_plan.h"
#include "engine/graph/graph.h"
#include "engine/graph/segments.h"
#include "engine/segment_hooks.h"

namespace exogpu::engine {

// The inputs of a graph beside the plan: tokens, activations, or tokens with their embeddings looked up on the host.
struct RunnerInput {
  std::span<const model::TokenId> tokens;
  std::span<const float> activations;
};

class Runner {
 public:
  // Bytes of compute memory for the largest batches, measured as if weights and cache were loaded.
  // Errors: unsupported, where the device has no kernel for an operation.
  static Result<Bytes> measure(const GraphSource& source, std::span<const BatchShape> largest,
                               ggml_backend_dev_t device);

  // Reserves that memory, and a host buffer of `result_floats`. `rule` divides the graphs of all runs.
  static Result<Runner> create(const GraphSource& source, std::span<const BatchShape> largest, size_t result_floats,
                               ggml_backend_t backend, const SegmentRule& rule = {});

  // The result, empty where the shape has none: at the beginning of `into`, or valid until the next run if that is
  // empty. Each of `hooks` is called before and after each segment, in this order. Errors: unavailable, out_of_memory,
  // invalid_argument (`into` is too small), and those of the hooks.
  Result<std::span<const float>> run(const BatchPlan& plan, const RunnerInput& input, std::span<float> into = {},
                                     std::span<SegmentHooks* const> hooks = {});

  uint64_t graphs_built() const { return graphs_built_; }

 private:
  struct CachedGraph {
    Graph graph;
    Segments divided;
    uint64_t last_used = 0;
  };

  Runner(const GraphSource& source, std::span<const BatchShape> largest, ggml_backend_t backend,
         const SegmentRule& rule);
  Result<void> reserve();
  CachedGraph build(const BatchShape& shape) const;
  Result<CachedGraph*> graph_for(const BatchShape& shape);
  Result<void> compute(const CachedGraph& cached, std::span<SegmentHooks* const> hooks);
  void fill(const Graph& graph, const BatchPlan& plan, const RunnerInput& input);
  void fill(const AttentionInputs& in, std::span<const SlotGroup> groups, std::span<const int32_t> positions);
  void fill_masks(std::span<ggml_tensor* const> masks, std::span<const SlotGroup> groups,
                  std::span<const int32_t> positions, const SlidingWindow& sliding);
  void fill_positions(const AttentionInputs& in, std::span<const int32_t> positions);

  GraphSource source_;
  std::vector<BatchShape> largest_;
  ggml_backend_t backend_;
  SegmentRule rule_;
  ggml_gallocr_ptr allocator_;
  Bytes reserved_ = 0;
  std::vector<CachedGraph> cached_graphs_;
  uint64_t clock_ = 0;
  uint64_t graphs_built_ = 0;
  std::vector<uint16_t> mask_;
  std::vector<int32_t> axes_;   // positions with axes
  std::vector<float> scales_;   // of queries
  std::vector<int32_t> slots_;  // 0, 1, 2 ...
  ggml_backend_buffer_ptr result_buffer_;
  std::span<float> result_;
};

}  // namespace exogpu::engine
