// A shard, or several that compute each of its layers together (tensor parallelism).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/cut/shared_exchange.h"
#include "engine/member_thread.h"
#include "engine/shard.h"

namespace exogpu::engine {

// Who computes each layer together: a device for each member, with its share of the work. A device may be there several
// times. The first takes the calls.
struct GroupDevices {
  std::vector<const gpu::Device*> devices;
  std::vector<double> shares;  // empty: equal ones
};

// Called as a Shard, with the same results but for the order of sums. One thread drives a group; the others' threads
// belong to it. A group of one is its shard, at no cost.
class ShardGroup {
 public:
  ShardGroup(Shard shard) : first_(std::move(shard)) {}  // NOLINT(google-explicit-constructor): a group of one

  // Errors: those of Shard::load() and cut_model().
  static Result<ShardGroup> load(const model::Gguf& file, wire::LayerRange layers, const GroupDevices& group,
                                 const ShardOptions& options, const Progress& progress = {},
                                 const std::stop_token& stop = {});

  // As those of Shard.
  Result<std::span<const float>> forward(const Batch& batch);
  Result<void> truncate(wire::SeqId sequence, uint32_t end);
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length);
  Result<void> place(std::span<const Placement> placements);
  Bytes release_rows();

  size_t members() const { return 1 + others_.size(); }
  const Shard& first() const { return first_; }

  // Of the first member.
  std::shared_ptr<std::byte[]> host_memory(size_t bytes) const { return first_.host_memory(bytes); }
  uint32_t length(wire::SeqId sequence) const { return first_.length(sequence); }
  wire::LayerRange layers() const { return first_.layers(); }
  const ShardOptions& options() const { return first_.options(); }
  const Architecture& architecture() const { return first_.architecture(); }
  uint32_t computing_threads() const { return first_.computing_threads(); }
  std::string threads_reason() const { return first_.threads_reason(); }
  bool flash_attention() const { return first_.flash_attention(); }
  uint64_t graphs_built() const { return first_.graphs_built(); }

  // Of any member.
  bool on_processor() const;
  bool reads_file() const;

 private:
  Result<void> all(const MemberThread::Work& work);
  Error undo(const Batch& batch, bool first_moved, const Error& error);

  Shard first_;
  std::unique_ptr<SharedExchange> exchange_;  // null in a group of one
  std::vector<std::unique_ptr<MemberThread>> others_;
  std::vector<Result<void>> results_;  // of the others
};

}  // namespace exogpu::engine
