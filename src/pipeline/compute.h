// Computes a layer range for a stage, with the KV caches and samplers of its sequences. A shard on one device
// implements it (shard_compute.h), and so do the fake models of tests and simulator; a group of devices can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/layer_range.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

class Pacer;

struct ComputeInfo {
  wire::LayerRange layers;
  uint32_t model_layers = 0;
  uint32_t activation_width = 0;  // elements of a token between two layers
  uint32_t vocabulary = 0;
  uint32_t sequences = 0;
  uint32_t batch_tokens = 0;       // maximum of one forward()
  bool embeds = false;             // the last layers give embeddings of texts, and no tokens
  bool whole_texts = false;        // a text to embed must come in one batch
  bool pooled = false;             // the sequences share a pool of rows: each has those that place() gives it
  bool on_processor = false;       // the threads of this process compute, not a device of its own
  std::string content{};           // of the model, as plans name it; empty: nobody compares its steps with predictions
  std::shared_ptr<Pacer> pacer{};  // of its device; null: it need not rest, and nobody counts
  bool first() const { return layers.begin == 0; }
  bool last() const { return layers.end == model_layers; }
};

// The next tokens of some sequences, each sequence at most once.
struct ComputeBatch {
  std::span<const wire::Span> spans;
  std::span<const wire::TokenId> tokens;  // for the first layers: the tokens of all spans, in order
  std::span<const float> activations;     // for the other layers: [tokens, activation_width]
};

// What the last layers make of a batch.
struct LastOutput {
  std::vector<wire::SampledToken> tokens{};  // one for each span that requests one, in order
  std::vector<wire::SampledToken> scored{};  // one for each target of the spans, in order
};

// One thread at a time, except for info() and host_memory(), which any thread may call.
//
// A batch that fails changes no sequence.
class Compute {
 public:
  virtual ~Compute() = default;
  Compute() = default;
  Compute(const Compute&) = delete;
  Compute& operator=(const Compute&) = delete;

  virtual const ComputeInfo& info() const = 0;  // never changes

  // Not for the last layers. Returns [tokens, activation_width], in `into` unless that is empty, else in its own
  // memory, valid until the next call. Errors: invalid_argument (with what is wrong with the batch), resource_exhausted
  // (beyond the context), corrupt (a result is not finite), unavailable (the device failed).
  virtual Result<std::span<const float>> forward(const ComputeBatch& batch, std::span<float> into) = 0;
  // For the last layers; a sampler's error is the result of its token. Where they give embeddings, these take the place
  // of tokens. Errors: those of forward().
  virtual Result<LastOutput> forward_and_sample(const ComputeBatch& batch) = 0;

  // Begins the sampling of a sequence; only for the last layers. Settings that the sampler refuses become the error of
  // each token of this sequence. Errors: invalid_argument for a sequence that does not exist.
  virtual Result<void> open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) = 0;
  // Removes tokens at positions >= end.
  virtual Result<void> truncate(wire::SeqId sequence, uint32_t end) = 0;
  // Copies the first `length` tokens of `from` to `to`.
  virtual Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) = 0;
  // Gives sequences other rows of the pool, all at once. Their tokens move there; those without a row are dropped.
  // Errors: invalid_argument (rows beyond the pool, or those of another sequence; nothing has changed),
  // failed_precondition (there is no pool), unavailable (the device failed; these sequences are empty).
  virtual Result<void> place(std::span<const wire::Placement> placements) = 0;
  virtual uint32_t length(wire::SeqId sequence) const = 0;  // tokens of a sequence
  // Gives the memory of rows without tokens back to the system, where the device can; they get memory again when tokens
  // come. Without effect on results.
  virtual void release_rows() {}

  // Why it can compute no more, where a part of it is gone with its node; empty while it can. Unlike the others, on any
  // thread.
  virtual std::optional<Error> lost() const { return {}; }

  // Memory that the device copies from and to directly; null if there is none. May outlive this.
  virtual std::shared_ptr<std::byte[]> host_memory(size_t bytes) const = 0;
};

}  // namespace exogpu::pipeline
