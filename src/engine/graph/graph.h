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

// What a graph is built over. All are borrowed.
struct GraphSource {
  const Architecture& architecture;
  wire::LayerRange layers;
  const ModelWeights& weights;
  const KvCache& cache;
  bool flash_attention;
};

// What tokens see of the cache: their positions, and per group of them a mask.
struct AttentionInputs {
  ggml_tensor* positions = nullptr;         // [tokens] i32
  std::vector<ggml_tensor*> masks;          // per group [rows, tokens, 1, slots] f16: 0 or -inf
  std::vector<ggml_tensor*> sliding_masks;  // the same for layers with a sliding window; empty where there are none
};

// Tensors to be filled before each run. Null where the graph does not need them.
struct GraphInputs {
  ggml_tensor* tokens = nullptr;       // [tokens] i32, where the embedding is looked up on the device
  ggml_tensor* activations = nullptr;  // [d_model, tokens] f32, otherwise
  ggml_tensor* cache_rows = nullptr;   // [tokens] i64: where each token's key and value go
  AttentionInputs attention;           // of all tokens
  ggml_tensor* output_rows = nullptr;  // [outputs] i32: which tokens' logits are wanted, where not all
  AttentionInputs output_attention;    // of those
};

struct Graph {
  BatchShape shape;
  ggml_context_ptr ctx;
  ggml_cgraph* nodes = nullptr;
  GraphInputs inputs;
  ggml_tensor* result = nullptr;  // [d_model, tokens] or [n_vocab, outputs] f32; null: nothing but the cache is wanted
};

Graph build_graph(const GraphSource& source, const BatchShape& shape);

}  // namespace exogpu::engine
