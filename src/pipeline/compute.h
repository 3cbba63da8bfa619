// A run of layers with the caches and the samplers of its sequences: what a stage computes with. A shard on one device
// implements it (shard_compute.h); so can a group of devices, and the fake model of tests and of the simulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "wire/layer_range.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

struct ComputeInfo {
  wire::LayerRange layers;
  uint32_t model_layers = 0;
  uint32_t activation_width = 0;  // elements of a token between two layers
  uint32_t vocabulary = 0;
  uint32_t sequences = 0;
  uint32_t batch_tokens = 0;  // of one forward() at most
  bool first() const { return layers.begin == 0; }
  bool last() const { return layers.end == model_layers; }
};

// The next tokens of some sequences, each at most once.
struct ComputeBatch {
  std::span<const wire::Span> spans;
  std::span<const wire::TokenId> tokens;  // to the first layers: of all spans, in their order
  std::span<const float> activations;     // to the others: [tokens, activation_width]
};

// One thread at a time, but for info() and host_memory(), which any thread may call.
//
// A batch that fails has moved no sequence.
class Compute {
 public:
  virtual ~Compute() = default;
  Compute() = default;
  Compute(const Compute&) = delete;
  Compute& operator=(const Compute&) = delete;

  virtual const ComputeInfo& info() const = 0;  // never changes

  // Not of the last layers. Returns [tokens, activation_width], in `into` where that is not empty, else in memory of
  // its own, which is valid until the next call. Errors: invalid_argument (what is wrong with the batch),
  // resource_exhausted (past the context), corrupt (a result is not finite), unavailable (the device failed).
  virtual Result<std::span<const float>> forward(const ComputeBatch& batch, std::span<float> into) = 0;
  // Of the last layers. A token for each span that asks for one, in their order; a sampler's error is its token's.
  // Errors: as forward().
  virtual Result<std::vector<wire::SampledToken>> forward_and_sample(const ComputeBatch& batch) = 0;

  // Begins the sampling of a sequence; only of the last layers. Settings that the sampler refuses become the error of
  // each token of this sequence. Errors: invalid_argument for a sequence that does not exist.
  virtual Result<void> open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) = 0;
  // Forgets tokens at positions >= end.
  virtual Result<void> truncate(wire::SeqId sequence, uint32_t end) = 0;
  // `to` begins with the first `length` tokens of `from`.
  virtual Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) = 0;
  virtual uint32_t length(wire::SeqId sequence) const = 0;  // tokens that a sequence holds

  // Memory that the device copies from and to without a detour; null where there is none. May outlive this.
  virtual std::shared_ptr<std::byte[]> host_memory(size_t bytes) const = 0;
};

}  // namespace exogpu::pipeline
