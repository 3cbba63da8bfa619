#include "engine/shard_group.h"

#include <algorithm>
#include <utility>

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

Result<std::vector<MemberCut>> cuts_for(const model::Gguf& file, const Architecture& a, const GroupDevices& group) {
  const std::vector<double> equal(group.devices.size(), 1.0);
  if (!group.shares.empty() && group.shares.size() != group.devices.size())
    return fail(ErrorCode::invalid_argument, "{} shares for {} members; give each one", group.shares.size(),
                group.devices.size());
  return cut_model(file, a, group.shares.empty() ? equal : group.shares);
}

// That another member gave up says less than why.
bool says_more(const Error& error) { return error.code != ErrorCode::cancelled; }

}  // namespace

Result<ShardGroup> ShardGroup::load(const model::Gguf& file, wire::LayerRange layers, const GroupDevices& group,
                                    const ShardOptions& options, const Progress& progress,
                                    const std::stop_token& stop) {
  if (group.devices.size() == 1) return Shard::load(file, layers, *group.devices.front(), options, progress, stop);
  EXO_TRY(const Architecture a, read_architecture(file));
  EXO_TRY(const std::vector<MemberCut> cuts, cuts_for(file, a, group));
  auto exchange = std::make_unique<SharedExchange>(static_cast<uint32_t>(cuts.size()));
  ShardOptions own = options;
  own.threads = threads_of_each(group, options.threads);
  own.weight_budget = options.weight_budget / group.devices.size();
  const auto load_member = [&](uint32_t rank) {
    own.member = std::make_shared<GroupMember>(GroupMember{a, cuts[rank], exchange->member(rank)});
    return Shard::load(file, layers, *group.devices[rank], own, progress, stop);
  };
  EXO_TRY(Shard first, load_member(0));
  ShardGroup loaded(std::move(first));
  for (uint32_t rank = 1; rank < cuts.size(); ++rank) {
    EXO_TRY(Shard shard, load_member(rank));
    loaded.others_.push_back(std::make_unique<MemberThread>(std::move(shard)));
  }
  loaded.exchange_ = std::move(exchange);
  loaded.results_.resize(loaded.others_.size());
  return loaded;
}

Result<std::span<const float>> ShardGroup::forward(const Batch& batch) {
  if (others_.empty()) return first_.forward(batch);
  const MemberThread::Work work = [&](Shard& shard) -> Result<void> {
    Batch own = batch;
    own.into = {};
    EXO_CHECK(shard.forward(own));
    return {};
  };
  for (auto& other : others_) other->begin(work);
  auto result = first_.forward(batch);
  std::optional<Error> failure;
  if (!result) failure = result.error();
  for (size_t i = 0; i < others_.size(); ++i) {
    results_[i] = others_[i]->end();
    if (!results_[i] && (!failure || !says_more(*failure))) failure = results_[i].error();
  }
  if (!failure) return result;
  return std::unexpected(undo(batch, result.has_value(), *failure));
}

// After a step that failed in one member: no sequence has moved in any.
Error ShardGroup::undo(const Batch& batch, bool first_moved, const Error& error) {
  exchange_->restart();
  const auto back = [&](Shard& shard) -> Result<void> {
    for (const SequenceTokens& s : batch.sequences) EXO_CHECK(shard.truncate(s.sequence, s.position));
    return {};
  };
  Result<void> undone = first_moved ? back(first_) : Result<void>();
  for (size_t i = 0; i < others_.size(); ++i) {
    if (!results_[i]) continue;
    const MemberThread::Work work = back;
    others_[i]->begin(work);
    if (auto done = others_[i]->end(); !done) undone = done;
  }
  return undone ? error : undone.error();
}

// The same with each member, one after another.
Result<void> ShardGroup::all(const MemberThread::Work& work) {
  EXO_CHECK(work(first_));
  for (auto& other : others_) {
    other->begin(work);
    EXO_CHECK(other->end());
  }
  return {};
}

Result<void> ShardGroup::truncate(wire::SeqId sequence, uint32_t end) {
  return all([&](Shard& shard) { return shard.truncate(sequence, end); });
}

Result<void> ShardGroup::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  return all([&](Shard& shard) { return shard.copy_prefix(from, to, length); });
}

Result<void> ShardGroup::place(std::span<const Placement> placements) {
  return all([&](Shard& shard) { return shard.place(placements); });
}

Bytes ShardGroup::release_rows() {
  Bytes released = 0;
  auto done = all([&](Shard& shard) -> Result<void> {
    released += shard.release_rows();
    return {};
  });
  return done ? released : 0;
}

bool ShardGroup::reads_file() const {
  return first_.reads_file() ||
         std::ranges::any_of(others_, [](const auto& other) { return other->shard().reads_file(); });
}

bool ShardGroup::on_processor() const {
  return first_.on_processor() ||
         std::ranges::any_of(others_, [](const auto& other) { return other->shard().on_processor(); });
}

}  // namespace exogpu::engine
