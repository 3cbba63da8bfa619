// A contiguous run of transformer layers resident on one device, with the KV cache and the states of those layers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/families/architecture.h"
#include "engine/residency/layer_stream.h"
#include "engine/shard_options.h"
#include "engine/tensors/converted_weights.h"
#include "engine/tensors/load_progress.h"
#include "gpu/cpu_threads/thread_use.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "model/tokenizer/tokenizer.h"
#include "wire/ids.h"
#include "wire/layer_range.h"
#include "wire/region.h"

namespace exogpu::engine {

// The memory that a shard needs on its device. Exact for weights and cache; compute memory is that of its largest
// batch.
struct MemoryNeed {
  Bytes weights = 0;
  Bytes weights_mapped = 0;     // the part of `weights` that is the file's own pages
  Bytes weights_converted = 0;  // the part that the device holds in another type than the file
  Bytes weights_streamed = 0;   // of the file; read again for each step, and not in `weights`, but for their slots
  uint32_t layers_streamed = 0;
  Bytes cache = 0;
  Bytes state = 0;     // of recurrent layers: the present states of all sequences, and earlier ones
  Bytes retained = 0;  // of the host: the inputs of recurrent layers, to compute them again after a truncation
  Bytes compute = 0;
  Bytes total() const { return weights + cache + state + compute; }
};

// The next tokens of one sequence within a batch.
struct SequenceTokens {
  wire::SeqId sequence;
  uint32_t position = 0;  // of the first token; must be the present length of the sequence
  uint32_t count = 0;
  uint32_t outputs = 0;  // the last so many tokens get logits; of a shard that gives embeddings, 1: the whole does
};

using wire::Placement;

// Work for one forward(). Sequences appear once each; their tokens follow one another in the order of `sequences`.
struct Batch {
  std::span<const SequenceTokens> sequences;
  std::span<const model::TokenId> tokens;  // to the shard with layer 0: all tokens
  std::span<const float> activations;      // to the others: [tokens, activation width], the result of the shard before
  // Memory for the result, from host_memory() or elsewhere; empty: the shard's own buffer, valid until the next call.
  std::span<float> into = {};
};

// Owns weights and KV memory; borrows the file and the device, which must outlive it.
// One thread drives a Shard; different Shards may run in parallel.
// load() reserves all memory: forward() allocates nothing after its first batch of the same shape.
class Shard {
 public:
  // Uploads only the tensors of `layers`.
  // When the file changes while it is open, a shard that computes with the file's own pages fails from then on; one
  // whose weights are all on its device continues.
  // Errors: out_of_memory (before anything is allocated; names the missing bytes and options that fit),
  // unsupported, corrupt, invalid_argument (layers outside the model, layers that attend to the keys and values of one
  // that is not among them, a context beyond 2^24), cancelled, unavailable
  // (the file was changed while it was read).
  // With a weight_budget the layers that do not fit stream: a thread of the shard reads them from the file ahead of
  // their computation, into slots that they share. The results are those of a shard that has all layers.
  static Result<Shard> load(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device,
                            const ShardOptions& options, const Progress& progress = {},
                            const std::stop_token& stop = {});
  // The memory that load() would need, without allocating on the device.
  static Result<MemoryNeed> measure(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device,
                                    const ShardOptions& options);

  Shard(Shard&&) noexcept;
  Shard& operator=(Shard&&) noexcept;
  ~Shard();

  // Computes the batch and returns, in `into`: from the last shard logits [outputs, n_vocab] f32 in batch order (or,
  // with `embeddings`, a pooled vector of each sequence's tokens in this batch, [sequences, embedding width], not
  // normalised), from the others activations [tokens, activation width] f32. On an error no sequence has moved. Errors:
  // invalid_argument (what is wrong with the batch), resource_exhausted (past the context), corrupt (the result is not
  // finite: names the sequence), unavailable (the device failed, or the file was changed: names the file). A member of
  // a group waits for the others, which must get the same batch: the last shard gives all logits at rank 0, and at the
  // others those of its own part of the vocabulary.
  Result<std::span<const float>> forward(const Batch& batch);

  // Drops tokens at positions >= end. Makes a failed step safe to retry. Recurrent layers then compute the tokens since
  // the last state that they kept again, with the next forward() of the sequence.
  Result<void> truncate(wire::SeqId sequence, uint32_t end);
  // Makes the first `length` tokens of `to` those of `from`, so that a shared prompt is computed once.
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length);
  // Gives sequences other regions of the pool, of a shard that has one; before, each has none. Their tokens move there,
  // all at once, as if in no order; tokens for which there is no row are dropped. Errors: invalid_argument (regions
  // beyond the pool, or that would overlap; nothing has changed), failed_precondition (there is no pool), unavailable
  // (the device failed; these sequences are empty).
  Result<void> place(std::span<const Placement> placements);
  // Gives the memory of the KV cache's rows without tokens back to the system, where the cache is in the host's memory;
  // later tokens take memory again. Returns the bytes given back. Changes no result.
  Bytes release_rows() const;
  // Host memory that the device copies from and to directly, if the device has such; null when none is free. Any
  // thread; may outlive the shard.
  std::shared_ptr<std::byte[]> host_memory(size_t bytes) const;

  // The resident tokens of a sequence; 0 when it is not in use.
  uint32_t length(wire::SeqId sequence) const;

  const Architecture& architecture() const;
  wire::LayerRange layers() const;
  const ShardOptions& options() const;  // with the defaults filled in
  const MemoryNeed& memory() const;
  std::vector<ConvertedWeights> converted() const;  // what the device holds in other types than the file
  // The threads that computed the last step, and why there were no more of them: empty when all cores computed. 0 on a
  // device that has no threads of this process.
  uint32_t computing_threads() const;
  std::string threads_reason() const;
  // The same for any thread, while the shard computes and afterwards; null on such a device.
  std::shared_ptr<gpu::SharedThreadUse> thread_use() const;
  StreamUse stream_use() const;   // what was read for layers that stream; any thread
  bool on_processor() const;      // threads of this process compute, not a device of its own
  bool reads_file() const;        // it computes with the file's own pages
  bool flash_attention() const;   // whether the shard uses it
  uint64_t graphs_built() const;  // so far; constant while batches repeat their shape

 private:
  struct Impl;
  explicit Shard(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::engine
