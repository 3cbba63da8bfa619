// A shard, or several that compute each of its layers together (tensor parallelism).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/cut/exchange.h"
#include "engine/group_call.h"
#include "engine/shard.h"

namespace exogpu::engine {

// Who computes each layer together: a device for each member, with its share of the work. A device may be there several
// times. The first takes the calls.
struct GroupDevices {
  std::vector<const gpu::Device*> devices;
  std::vector<double> shares;  // empty: equal ones
};

// One member of a group that is on several nodes.
struct LoneMember {
  const gpu::Device* device = nullptr;
  std::vector<double> shares;  // of all members, by rank
  uint32_t rank = 0;
  // Its end of the exchange, once the cuts of all members are known.
  std::function<std::shared_ptr<Exchange>(std::span<const MemberCut>)> exchange;
};

// Errors: those of Shard::load() and cut_model().
Result<Shard> load_member(const model::Gguf& file, wire::LayerRange layers, const LoneMember& member,
                          const ShardOptions& options, const Progress& progress = {}, const std::stop_token& stop = {});

// Called as a Shard, with the same results but for the order of sums. One thread drives a group. A group of one is its
// shard, at no cost.
class ShardGroup {
 public:
  ShardGroup(Shard shard) : first_(std::move(shard)) {}  // NOLINT(google-explicit-constructor): a group of one
  ShardGroup(Shard first, std::unique_ptr<OtherMembers> others)
      : first_(std::move(first)), others_(std::move(others)) {}

  // All members in this process. Errors: those of Shard::load() and cut_model().
  static Result<ShardGroup> load(const model::Gguf& file, wire::LayerRange layers, const GroupDevices& group,
                                 const ShardOptions& options, const Progress& progress = {},
                                 const std::stop_token& stop = {});

  // As those of Shard.
  Result<std::span<const float>> forward(const Batch& batch);
  Result<void> truncate(wire::SeqId sequence, uint32_t end);
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length);
  Result<void> place(std::span<const Placement> placements);
  Result<void> release_rows();

  size_t members() const { return 1 + (others_ ? others_->size() : 0); }
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
  bool on_processor() const { return first_.on_processor() || (others_ && others_->on_processor()); }
  bool reads_file() const { return first_.reads_file() || (others_ && others_->reads_file()); }
  // Why the group can compute no more, where a member is gone with its node; empty while it can. Any thread.
  std::optional<Error> lost() const { return others_ ? others_->lost() : std::nullopt; }

 private:
  Result<void> all(const GroupCall& call);

  Shard first_;
  std::unique_ptr<OtherMembers> others_;  // null in a group of one
};

}  // namespace exogpu::engine
