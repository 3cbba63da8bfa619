// The weights of a layer range: their tensors in the file, their memory, and their loading.
#pragma once

#include <ggml-cpp.h>

#include <array>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/families/architecture.h"
#include "engine/tensors/load_progress.h"
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
};

struct LayerWeights {
  ggml_tensor* attention_norm = nullptr;  // [d_model]; norms are null where the family has none
  FusedMatrices qkv;
  ggml_tensor* q_norm = nullptr;  // [head_dim] or [q_width]
  ggml_tensor* k_norm = nullptr;
  Matrix attention_out;
  ggml_tensor* attention_post_norm = nullptr;
  ggml_tensor* feed_forward_norm = nullptr;
  FusedMatrices gate_up;  // dense models
  Matrix down;
  ggml_tensor* router = nullptr;        // [d_model, n_experts]; mixtures of experts
  ggml_tensor* experts_gate = nullptr;  // [d_model, d_ff, n_experts]
  ggml_tensor* experts_up = nullptr;
  ggml_tensor* experts_down = nullptr;  // [d_ff, d_model, n_experts]
  ggml_tensor* feed_forward_post_norm = nullptr;
};

struct ModelWeights {
  ggml_tensor* embedding = nullptr;  // first shard, where the device can look rows up; else the host does
  std::vector<LayerWeights> layers;
  ggml_tensor* output_norm = nullptr;  // last shard, likewise below
  Matrix output;
  ggml_tensor* rope_factors = nullptr;  // [rope.dims / 2]
};

// Plans, measures, and loads the weights of one shard. Borrows the file, which must outlive it: on the CPU weights that
// need no repacking are used in the file's mapping.
class WeightStore {
 public:
  // Finds and checks every tensor the layers need; reads none of their data and allocates nothing on the device.
  // `context` picks between short and long rope factors.
  // Errors: corrupt (missing, or of a shape the metadata contradicts), unsupported (the device cannot compute with a
  // type).
  static Result<WeightStore> plan(const model::Gguf& file, const Architecture& a, wire::LayerRange layers,
                                  uint32_t context, ggml_backend_dev_t device);

  WeightStore(WeightStore&&) noexcept;
  WeightStore& operator=(WeightStore&&) noexcept;
  ~WeightStore();

  const ModelWeights& weights() const;
  Bytes bytes() const;         // all of them, on the device or mapped
  Bytes bytes_mapped() const;  // the part of them that stays in the file's mapping
  // Makes the planned tensors usable in graphs before load(), to measure the graphs.
  void pretend_loaded(bool on);
  // Allocates and fills them with up to `threads` threads. Errors: out_of_memory, cancelled (what was allocated goes
  // with this object).
  Result<void> load(uint32_t threads, const Progress& progress, const std::stop_token& stop = {});

 private:
  struct Impl;
  explicit WeightStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::engine
