// The computation of one batch through a shard's layers, as a ggml graph.
#pragma once

#include <ggml-cpp.h>

#include <vector>

#include "engine/families/architecture.h"
#include "engine/graph/batch_shape.h"
#include "engine/tensors/kv_cache.h"
#include "engine/tensors/weights.h"
#include "wire/layer_range.h"

namespace exogpu::engine {

// The parts of a shard that a graph uses. All are borrowed.
struct GraphSource {
  const Architecture& architecture;
  wire::LayerRange layers;
  const ModelWeights& weights;
  const KvCache& cache;
  bool flash_attention;
};

// The positions of tokens, and for each of their groups a mask of the cache rows that they attend to.
struct AttentionInputs {
  ggml_tensor* positions = nullptr;         // [tokens] i32
  std::vector<ggml_tensor*> masks;          // per group [rows, tokens, 1, slots] f16: 0 or -inf
  std::vector<ggml_tensor*> sliding_masks;  // the same for layers with a sliding window; empty when there are none
};

// Tensors that the runner fills before each run. Null when the graph does not need them.
struct GraphInputs {
  ggml_tensor* tokens = nullptr;       // [tokens] i32, when the device looks the embedding up
  ggml_tensor* activations = nullptr;  // [d_model, tokens] f32, otherwise
  ggml_tensor* cache_rows = nullptr;   // [tokens] i64: the cache row of each token
  AttentionInputs attention;           // of all tokens
  ggml_tensor* output_rows = nullptr;  // [outputs] i32: the tokens that get logits; null when all do
  AttentionInputs output_attention;    // of the output tokens
};

struct Graph {
  BatchShape shape;
  ggml_context_ptr ctx;
  ggml_cgraph* nodes = nullptr;
  GraphInputs inputs;
  ggml_tensor* result = nullptr;  // [d_model, tokens] or [n_vocab, outputs] f32; null: the graph only fills the cache
};

Graph build_graph(const GraphSource& source, const BatchShape& shape);

}  // namespace exogpu::engine
