// What is resident of a shard's sequences: how many tokens of each, and in which rows of the KV cache.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/recurrent_memory.h"
#include "engine/shard.h"
#include "engine/tensors/kv_cache.h"
#include "gpu/device.h"
#include "wire/region.h"

namespace exogpu::engine {

// Borrows the device, the cache and the memory, which must outlive it.
class Residents {
 public:
  Residents(const gpu::Device& device, const KvCache& cache, RecurrentMemory& memory, const ShardOptions& options);

  std::span<const uint32_t> lengths() const { return lengths_; }
  std::span<const wire::Region> regions() const { return regions_; }

  // The batch was computed: its sequences have its tokens.
  void grown(const Batch& batch);
  // The batch failed: the rows that it may have written are cleared.
  void failed(const Batch& batch);
  // Whether the cache of the sequence may have values that are not finite.
  void suspect(wire::SeqId sequence, bool may_have) { suspect_[sequence.value()] = may_have; }
  // Sets the length of a sequence whose rows are not touched; returns what it was.
  uint32_t set_length(uint32_t sequence, uint32_t length);

  // As those of Shard.
  Result<void> truncate(uint32_t sequence, uint32_t end);
  Result<void> copy_prefix(uint32_t from, uint32_t to, uint32_t length);
  Result<void> place(std::span<const Placement> placements);
  Bytes release_rows() const;

 private:
  Result<std::vector<wire::Region>> placed(std::span<const Placement> placements) const;
  void move(std::span<const RowMove> moves);
  void taint(const wire::Region& region);
  void clean(uint32_t sequence);
  void clear(uint32_t sequence, uint32_t begin, uint32_t end) const;

  const gpu::Device& device_;
  const KvCache& cache_;
  RecurrentMemory& memory_;
  bool pooled_;
  std::vector<uint32_t> lengths_;
  std::vector<wire::Region> regions_;
  std::vector<bool> suspect_;
  std::vector<bool> tainted_;  // for each 256 rows: a suspect sequence has left them
};

}  // namespace exogpu::engine
