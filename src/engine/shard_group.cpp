#include "engine/shard_group.h"

#include <algorithm>
#include <utility>

#include "engine/cut/shared_exchange.h"
#include "engine/member_threads.h"
#include "gpu/host.h"

namespace exogpu::engine {
namespace {

bool on_cpu(const gpu::Device* device) { return device->info().kind == gpu::DeviceKind::cpu; }

// The threads of each member on the CPU. Their number is fixed: members wait for each other, so that one which loses a
// core delays all.
uint32_t threads_of_each(const GroupDevices& group, uint32_t requested) {
  const auto members = static_cast<uint32_t>(std::ranges::count_if(group.devices, on_cpu));
  const uint32_t all = requested > 0 ? requested : gpu::read_host_cpu().threads();
  return members == 0 ? requested : std::max(1U, all / members);
}

// That another member gave up says less than why.
bool says_more(const Error& error) { return error.code != ErrorCode::cancelled; }

void keep_reason(std::optional<Error>& failure, const Result<void>& result) {
  if (!result && (!failure || !says_more(*failure))) failure = result.error();
}

}  // namespace

Result<Shard> load_member(const model::Gguf& file, wire::LayerRange layers, const LoneMember& member,
                          const ShardOptions& options, const Progress& progress, const std::stop_token& stop) {
  EXO_TRY(const Architecture a, read_architecture(file));
  EXO_TRY(const std::vector<MemberCut> cuts, cut_model(file, a, member.shares));
  ShardOptions own = options;
  own.threads = threads_of_each({.devices = {member.device}, .shares = {}}, options.threads);
  own.member = std::make_shared<GroupMember>(GroupMember{a, cuts.at(member.rank), member.exchange(cuts)});
  return Shard::load(file, layers, *member.device, own, progress, stop);
}

Result<ShardGroup> ShardGroup::load(const model::Gguf& file, wire::LayerRange layers, const GroupDevices& group,
                                    const ShardOptions& options, const Progress& progress,
                                    const std::stop_token& stop) {
  const auto members = static_cast<uint32_t>(group.devices.size());
  if (members == 1) return Shard::load(file, layers, *group.devices.front(), options, progress, stop);
  if (!group.shares.empty() && group.shares.size() != members)
    return fail(ErrorCode::invalid_argument, "{} shares for {} members; give each one", group.shares.size(), members);
  const SharedExchange exchange(members);
  ShardOptions own = options;
  own.threads = threads_of_each(group, options.threads);
  own.weight_budget = options.weight_budget / members;
  std::vector<Shard> shards;
  for (uint32_t rank = 0; rank < members; ++rank) {
    const LoneMember member{.device = group.devices[rank],
                            .shares = group.shares.empty() ? std::vector(members, 1.0) : group.shares,
                            .rank = rank,
                            .exchange = [&](std::span<const MemberCut>) { return exchange.member(rank); }};
    EXO_TRY(Shard shard, load_member(file, layers, member, own, progress, stop));
    shards.push_back(std::move(shard));
  }
  Shard first = std::move(shards.front());
  shards.erase(shards.begin());
  return ShardGroup(std::move(first), std::make_unique<MemberThreads>(exchange, std::move(shards)));
}

// A step that fails in one member moves no sequence in any: those that moved go back, which changes no others.
Result<std::span<const float>> ShardGroup::forward(const Batch& batch) {
  if (!others_) return first_.forward(batch);
  const GroupCall call = batch;
  others_->begin(call);
  auto result = first_.forward(batch);
  std::optional<Error> failure;
  bool moved = result.has_value();
  if (!result) failure = result.error();
  for (const Result<void>& other : others_->end()) {
    moved |= other.has_value();
    keep_reason(failure, other);
  }
  if (!failure) return result;
  if (moved)
    for (const SequenceTokens& s : batch.sequences) EXO_CHECK(truncate(s.sequence, s.position));
  return std::unexpected(*std::move(failure));
}

// The same with each member.
Result<void> ShardGroup::all(const GroupCall& call) {
  if (!others_) return do_call(first_, call);
  others_->begin(call);
  std::optional<Error> failure;
  keep_reason(failure, do_call(first_, call));
  for (const Result<void>& other : others_->end()) keep_reason(failure, other);
  if (failure) return std::unexpected(*std::move(failure));
  return {};
}

Result<void> ShardGroup::truncate(wire::SeqId sequence, uint32_t end) { return all(TruncateCall{sequence, end}); }

Result<void> ShardGroup::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  return all(CopyPrefixCall{from, to, length});
}

Result<void> ShardGroup::place(std::span<const Placement> placements) { return all(PlaceCall{placements}); }

Result<void> ShardGroup::release_rows() { return all(ReleaseRowsCall{}); }

}  // namespace exogpu::engine
