// Graphs of matrix products for measuring a device, in the shape of the feed-forward part of a transformer.
#pragma once

#include <ggml-backend.h>

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "gpu/cpu_threads/compute_threads.h"
#include "gpu/device.h"
#include "gpu/owned.h"

namespace exogpu::gpu {

// A backend opened for measuring. Never holds a null pointer.
struct Bench {
  Device device;
  BackendOwner backend;
  // Of a CPU: each run computes with as many threads as a step of a shard would.
  std::optional<ComputeThreads> threads{};
  ggml_backend_set_n_threads_t set_threads = nullptr;
  bool limited = false;  // other processes took cores from a run

  // `threads` of a CPU; 0: as many as find free cores.
  // Errors: unavailable.
  static Result<Bench> open(const Device& device, uint32_t threads);
};

// The widths of the two matrices of a pair: [width, 3.5 width] and [3.5 width, width], the shape of a common
// feed-forward block. Every width is a multiple of 256, the longest block of the quantised types.
inline constexpr int64_t kWidths[] = {512, 1024, 2048, 4096};
inline constexpr int kLevels = std::size(kWidths);

inline int64_t pair_elements(int level) { return 7 * kWidths[level] * kWidths[level]; }
Bytes pair_bytes(ggml_type type, int level);

// By its name in ggml: "q4_K".
std::optional<ggml_type> weight_type(std::string_view name);

// Whether the device multiplies weights of this type with f32.
bool supports_product(const Bench& bench, ggml_type type);

// Pairs of weight matrices resident on the device.
class Weights {
 public:
  // In memory of this type; null: the one that the backend prefers.
  // Errors: out_of_memory, unavailable.
  static Result<Weights> make(const Bench& bench, ggml_type type, int level, int pairs,
                              ggml_backend_buffer_type_t layout = nullptr);
  Weights(Weights&&) noexcept;
  Weights& operator=(Weights&&) noexcept;
  ~Weights();

  ggml_type type() const;
  int level() const;
  int pairs() const;
  ggml_tensor* up(int pair) const;    // [width, 3.5 width]
  ggml_tensor* down(int pair) const;  // [3.5 width, width]

 private:
  struct Impl;
  explicit Weights(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A graph in which `columns` columns of activations go through the first `pairs` pairs, one after the other. Keeps
// pointers to the weights and the bench, which must outlive it.
class ProductGraph {
 public:
  static Result<ProductGraph> make(Bench& bench, const Weights& weights, int pairs, int columns);
  // A graph that scales a few numbers, for the cost of computing any graph at all.
  static Result<ProductGraph> make_trivial(Bench& bench);
  ProductGraph(ProductGraph&&) noexcept;
  ProductGraph& operator=(ProductGraph&&) noexcept;
  ~ProductGraph();

  // Computes the graph once, waits, and returns the seconds.
  Result<double> run();

 private:
  struct Impl;
  explicit ProductGraph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::gpu
