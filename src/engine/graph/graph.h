// The computation of one batch through a shard's layers, as a ggml graph.
#pragma once

#include <ggml-cpp.h>

#include <cstdint>
#include <vector>

#include "engine/families/architecture.h"
#include "engine/graph/batch_shape.h"
#include "engine/tensors/kv_cache.h"
#include "engine/tensors/recurrent_state.h"
#include "engine/tensors/weights.h"
#include "wire/layer_range.h"

namespace exogpu::engine {

// A step with fewer tokens reads weights more than it computes with them.
inline constexpr uint32_t kPromptTokens = 32;

// The parts of a shard that a graph uses. All are borrowed.
struct GraphSource {
  const Architecture& architecture;
  wire::LayerRange layers;
  const ModelWeights& weights;
  const ModelWeights& prompt_weights;  // for steps of kPromptTokens and more
  const KvCache& cache;
  const RecurrentState& states;
  bool flash_attention;
  bool on_processor = false;  // computed by threads of this process
  bool one_thread = false;    // ... by one and never more
  bool embeddings = false;    // the last shard gives a vector of each sequence, not logits
};

// The positions of tokens, and for each of their groups a mask of the cache rows that they attend to.
struct AttentionInputs {
  ggml_tensor* positions = nullptr;         // [tokens] i32, or [4 * tokens] where positions have axes
  ggml_tensor* query_scales = nullptr;      // [1, 1, tokens] f32, where queries grow with their position
  std::vector<ggml_tensor*> masks;          // per group [rows, tokens, 1, slots] f16: 0 or -inf
  std::vector<ggml_tensor*> sliding_masks;  // the same for layers with a sliding window; empty when there are none
};

// Tensors that the runner fills before each run. Null when the graph does not need them.
struct GraphInputs {
  ggml_tensor* tokens = nullptr;        // [tokens] i32, when the device looks embeddings up
  ggml_tensor* activations = nullptr;   // [activation width, tokens] f32, or [d_model, tokens] looked up on the host
  ggml_tensor* cache_rows = nullptr;    // [tokens] i64: the cache row of each token
  ggml_tensor* slot_numbers = nullptr;  // [slots] i32: 0, 1, 2 ...; for operations that pick states by number
  AttentionInputs attention;            // of all tokens
  ggml_tensor* output_rows = nullptr;   // [outputs] i32: the tokens that get logits; null when all do
  AttentionInputs output_attention;     // of the output tokens
};

// A place where a graph can be cut: nothing before it needs what is behind it.
struct GraphCut {
  enum class After : uint8_t { mixer, feed_forward, layer };
  After after = After::layer;
  uint32_t layer = 0;  // counted in the whole model
  int nodes = 0;       // of the graph, before the cut
  // The output of a mixer or a feed-forward, before its norm and the residual: [d_model, rows] f32, the last node
  // before the cut. Where both are added first (Architecture::parallel), that sum, after the feed-forward. Null after a
  // layer.
  ggml_tensor* sum = nullptr;
};

struct Graph {
  BatchShape shape;
  wire::LayerRange layers;
  ggml_context_ptr ctx;
  ggml_cgraph* nodes = nullptr;
  std::vector<GraphCut> cuts;  // in the order of their nodes; models with several streams have them after layers only
  GraphInputs inputs;
  ggml_tensor* result = nullptr;  // [activation width, tokens] or [n_vocab, outputs] f32, or
                                  // [embedding width, sequences]; null: the graph only fills
                                  // the cache and the states
};

Graph build_graph(const GraphSource& source, const BatchShape& shape);

}  // namespace exogpu::engine
