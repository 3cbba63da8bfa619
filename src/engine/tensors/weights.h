// The weights of a layer range: their tensors in the file, their memory, and their loading.
#pragma once

#include <ggml-cpp.h>

#include <array>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/families/architecture.h"
#include "engine/residency/residency.h"
#include "engine/tensors/converted_weights.h"
#include "engine/tensors/load_progress.h"
#include "engine/tensors/slicer.h"
#include "gpu/layouts/book.h"
#include "model/gguf.h"
#include "wire/layer_range.h"

namespace exogpu::engine {

// A linear map y = W·x + b. Tensors are [d_in, d_out] and [d_out]; `bias` may be null.
struct Matrix {
  ggml_tensor* weight = nullptr;
  ggml_tensor* bias = nullptr;
};

// Several linear maps of the same input. Neighbours of one weight type are joined into one matrix, so that one product
// serves them all; each part has the position of its rows.
struct FusedMatrices {
  struct Part {
    uint32_t matrix = 0;  // index into matrices
    uint32_t begin = 0;   // first row of this part there
    uint32_t rows = 0;
  };
  std::vector<Matrix> matrices;
  std::vector<Part> parts;
  // The parts are joined in a layout where some of the rows are again a matrix, so that each can be multiplied alone.
  bool divisible = false;
};

// The weights of a norm; `weight` is null where a family has no norm there, `bias` in most.
struct Norm {
  ggml_tensor* weight = nullptr;
  ggml_tensor* bias = nullptr;
};

struct AttentionWeights {
  FusedMatrices qkv;  // q, k, v; only q where the layer attends to another layer's keys and values; q, k where v is k
  ggml_tensor* q_norm = nullptr;  // [head_dim] or [q_width]
  ggml_tensor* k_norm = nullptr;
  ggml_tensor* sinks = nullptr;  // [n_heads]: one more score in each softmax
  Matrix out;
};

struct LatentWeights {
  Matrix q;  // from x, or from the compressed query
  Matrix q_down;
  Norm q_norm;
  Matrix kv_down;  // [d_model, kv_rank + rope]
  Norm kv_norm;
  ggml_tensor* k_up = nullptr;  // absorbed: [nope, kv_rank, n_heads]
  ggml_tensor* v_up = nullptr;  // absorbed: [kv_rank, v, n_heads]
  Matrix kv_up;                 // else: [kv_rank, n_heads * (nope + v)]
  Matrix out;
};

struct DeltaWeights {
  Matrix qkv;
  Matrix gate;
  ggml_tensor* kernel = nullptr;  // [taps, conv_width]
  ggml_tensor* decay = nullptr;   // [v_heads]
  ggml_tensor* step_bias = nullptr;
  Matrix beta_alpha;  // for each key head [betas, alphas] of its value heads; or both below
  Matrix beta;
  Matrix alpha;
  Norm norm;
  Matrix out;
};

struct Mamba2Weights {
  Matrix in;
  ggml_tensor* kernel = nullptr;       // [taps, conv_width]
  ggml_tensor* kernel_bias = nullptr;  // may be null
  ggml_tensor* step_bias = nullptr;    // [heads]
  ggml_tensor* decay = nullptr;        // [1, heads]
  ggml_tensor* skip = nullptr;         // [1, heads]
  ggml_tensor* norm = nullptr;         // [inner / groups, groups]; may be null
  Matrix out;
};

struct ShortConvWeights {
  Matrix in;
  ggml_tensor* kernel = nullptr;  // [taps, d_model]
  Matrix out;
};

struct DenseWeights {
  FusedMatrices gate_up;  // gate and up, or only up
  Matrix down;
};

struct ExpertWeights {
  Matrix router;                        // [d_model, n_experts]
  ggml_tensor* router_scale = nullptr;  // [d_model]
  ggml_tensor* choice_bias = nullptr;   // [n_experts]: added to the scores for the choice only
  Matrix gate;                          // [d_model, d_ff, n_experts]; null where there is none
  Matrix up;                            // the same; with gate_up both in one: [d_model, 2 * d_ff, n_experts]
  Matrix gate_up;
  Matrix down;                            // [d_ff, d_model, n_experts]
  ggml_tensor* down_scale = nullptr;      // [n_experts]
  DenseWeights shared;                    // an expert for every token; without matrices where there is none
  ggml_tensor* shared_gate = nullptr;     // [d_model]
  Norm norm, dense_post_norm, post_norm;  // where a dense feed-forward stands beside the experts
};

// Of models with several residual streams.
struct StreamWeights {
  Norm router_norm;
  Matrix router;
  Matrix predict;
  Matrix correct;
  ggml_tensor* correct_scale = nullptr;  // [d_model]
  Matrix laurel_down;
  Matrix laurel_up;
  Norm laurel_norm;
};

// Of models in which each layer receives a vector for each token.
struct PerLayerWeights {
  Matrix gate;
  Matrix out;
  Norm norm;
};

struct LayerWeights {
  Norm mixer_norm;
  Norm mixer_post_norm;
  AttentionWeights attention;
  LatentWeights latent;
  DeltaWeights delta;
  Mamba2Weights mamba2;
  ShortConvWeights short_conv;
  Norm feed_forward_norm;
  Norm feed_forward_post_norm;
  DenseWeights dense;
  ExpertWeights experts;
  StreamWeights streams;
  PerLayerWeights per_layer;
  ggml_tensor* output_scale = nullptr;  // [1]
  Norm after_mixer;                     // of the residual stream
  Norm after_feed_forward;
};

struct ModelWeights {
  ggml_tensor* embedding = nullptr;            // first shard, where the device can look rows up; else the host does
  ggml_tensor* per_layer_embedding = nullptr;  // first shard: [per_layer_width * n_layers, n_vocab]
  Matrix per_layer_projection;
  Norm per_layer_norm;
  ggml_tensor* streams_in = nullptr;   // first shard: [d_model, d_model, streams - 1]
  ggml_tensor* streams_out = nullptr;  // last shard
  std::vector<LayerWeights> layers;
  Norm output_norm;  // last shard, likewise below
  Matrix output;
  Norm embedding_norm;                  // first shard, likewise below
  ggml_tensor* token_types = nullptr;   // [d_model, types]
  ggml_tensor* positions = nullptr;     // [d_model, context]
  std::array<Matrix, 2> pooled_dense;   // last shard
  ggml_tensor* rope_factors = nullptr;  // [rope.dims / 2]
};

// What the layouts of weights serve. Where these differ, and the best layouts for them, too, weights are in memory
// twice.
struct WeightAims {
  gpu::LayoutAim answers = gpu::LayoutAim::answers;
  gpu::LayoutAim prompts = gpu::LayoutAim::answers;
};

// Plans, measures, and loads the weights of one shard. Borrows the file, which must outlive it: on the CPU weights that
// need no repacking are used in the file's mapping.
class WeightStore {
 public:
  // Finds and checks every tensor the layers need; reads none of their data and allocates nothing on the device.
  // `context` picks between short and long rope factors, `aims` between layouts that are right on the device.
  // With `slicer` the weights are slices of the file's, and the embedding is looked up on the host.
  // Where the weights take more than `budget` (0: there is none), as many layers stay in memory as fit, and the others
  // share slots; then all are in one layout, that of `aims.answers`.
  // Errors: corrupt (missing, or of a shape the metadata contradicts), unsupported (the device cannot compute with a
  // type), out_of_memory (the budget is too small; says how large it must be).
  static Result<WeightStore> plan(const model::Gguf& file, const Architecture& a, wire::LayerRange layers,
                                  uint32_t context, const gpu::Device& device, WeightAims aims, Slicer slicer = {},
                                  Bytes budget = 0);

  WeightStore(WeightStore&&) noexcept;
  WeightStore& operator=(WeightStore&&) noexcept;
  ~WeightStore();

  // For steps of a token or a few of each sequence, and for those of prompts: the same tensors, but for those that are
  // in two layouts.
  const ModelWeights& weights() const;
  const ModelWeights& prompt_weights() const;
  // All of them, on the device or mapped; where layers stream, what is in memory, without tensors in the mapping, of
  // which rows are looked up.
  Bytes bytes() const;
  Bytes bytes_mapped() const;          // those that stay in the file's mapping
  const Residency& residency() const;  // which layers stream, counted from the shard's first
  Bytes bytes_streamed() const;        // of the file, in all layers that stream
  // Those that the device holds in another type than the file, by both types.
  std::vector<ConvertedWeights> converted() const;
  // Makes the planned tensors usable in graphs before load(), to measure the graphs.
  void pretend_loaded(bool on);
  // Allocates and fills them with up to `threads` threads. Errors: out_of_memory, cancelled (what was allocated goes
  // with this object).
  Result<void> load(uint32_t threads, const Progress& progress, const std::stop_token& stop = {});
  // After load(): reads a layer that streams into its slot. One thread calls it; borrows this store and the device.
  // Errors: those of LayerReader.
  Result<std::function<Result<void>(uint32_t layer)>> layer_reader(const gpu::Device& device) const;
  // Gives back what the process has of the pages that stay mapped.
  void release_mapped() const;

 private:
  struct Impl;
  explicit WeightStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::engine
