#include "engine/residents.h"

#include <algorithm>
#include <map>
#include <utility>

#include "gpu/guard.h"

namespace exogpu::engine {

using wire::kRegionStep;

Residents::Residents(const gpu::Device& device, const KvCache& cache, RecurrentMemory& memory,
                     const ShardOptions& options)
    : device_(device),
      cache_(cache),
      memory_(memory),
      pooled_(options.pool_tokens > 0),
      lengths_(options.sequences),
      regions_(options.sequences),
      suspect_(options.sequences),
      tainted_(cache.rows() / kRegionStep) {
  const uint32_t rows = wire::whole_region_steps(options.context);
  for (uint32_t i = 0; i < options.sequences && !pooled_; ++i) {
    regions_[i] = {.begin = i * rows, .rows = rows};
    memory_.place(i, regions_[i].begin);
  }
}

void Residents::grown(const Batch& batch) {
  for (const SequenceTokens& s : batch.sequences) lengths_[s.sequence.value()] += s.count;
}

void Residents::clear(uint32_t sequence, uint32_t begin, uint32_t end) const {
  const uint64_t first = regions_[sequence].begin;
  cache_.clear(first + begin, first + end);
}

// Rows beyond a sequence's length are masked, but 0 times a NaN left in them would still be a NaN.
void Residents::failed(const Batch& batch) {
  auto cleared = gpu::guarded(device_, "clearing the KV cache", [&] {
    for (const SequenceTokens& s : batch.sequences) clear(s.sequence.value(), s.position, s.position + s.count);
  });
  if (cleared) return;
  for (const SequenceTokens& s : batch.sequences) suspect(s.sequence, true);
}

uint32_t Residents::set_length(uint32_t sequence, uint32_t length) { return std::exchange(lengths_[sequence], length); }

Result<void> Residents::truncate(uint32_t sequence, uint32_t end) {
  if (end >= lengths_[sequence]) return {};
  if (suspect_[sequence])
    EXO_CHECK(gpu::guarded(device_, "clearing the KV cache", [&] { clear(sequence, end, lengths_[sequence]); }));
  lengths_[sequence] = end;
  memory_.truncate(sequence, end);
  suspect_[sequence] = suspect_[sequence] && end > 0;
  return {};
}

Result<void> Residents::copy_prefix(uint32_t from, uint32_t to, uint32_t length) {
  if (length > lengths_[from])
    return fail(ErrorCode::invalid_argument, "sequence {} holds {} tokens, so {} cannot be copied", from,
                lengths_[from], length);
  if (length > regions_[to].rows)
    return fail(ErrorCode::invalid_argument, "{} tokens cannot be copied to sequence {}, which has {} rows", length, to,
                regions_[to].rows);
  EXO_CHECK(truncate(to, length));
  if (from == to) return {};
  EXO_CHECK(gpu::guarded(device_, "copying within the KV cache", [&] {
    cache_.copy({.from = regions_[from].begin, .to = regions_[to].begin, .count = length});
    memory_.copy_prefix(from, to, length);
  }));
  lengths_[to] = length;
  suspect_[to] = suspect_[from];
  return {};
}

// The regions of all sequences afterwards.
Result<std::vector<wire::Region>> Residents::placed(std::span<const Placement> placements) const {
  if (!pooled_)
    return fail(ErrorCode::failed_precondition, "the sequences of this shard have rows of their own, not a pool");
  std::vector<wire::Region> regions = regions_;
  for (const auto& [sequence, region] : placements) {
    if (sequence.value() >= regions.size())
      return fail(ErrorCode::invalid_argument, "sequence {} is beyond the {} this shard holds", sequence.value(),
                  regions.size());
    if (region.end() > cache_.rows() || region.begin % kRegionStep != 0 || region.rows % kRegionStep != 0)
      return fail(ErrorCode::invalid_argument, "rows {} to {} are no region of a pool of {} in steps of {}",
                  region.begin, region.end(), cache_.rows(), kRegionStep);
    regions[sequence.value()] = region;
  }
  std::vector<wire::Region> sorted = regions;
  std::erase_if(sorted, [](const wire::Region& region) { return region.rows == 0; });
  std::ranges::sort(sorted, {}, &wire::Region::begin);
  const auto overlap = std::ranges::adjacent_find(sorted, &wire::Region::overlaps);
  if (overlap != sorted.end())
    return fail(ErrorCode::invalid_argument, "two sequences cannot both have row {}", std::next(overlap)->begin);
  return regions;
}

Result<void> Residents::place(std::span<const Placement> placements) {
  EXO_TRY(std::vector<wire::Region> regions, placed(placements));
  for (const auto& [sequence, region] : placements) EXO_CHECK(truncate(sequence.value(), region.rows));
  std::vector<RowMove> moves;
  for (uint32_t i = 0; i < regions.size(); ++i) {
    if (regions[i] == regions_[i]) continue;
    if (suspect_[i]) taint(regions_[i]);
    if (lengths_[i] > 0 && regions[i].begin != regions_[i].begin)
      moves.push_back({.from = regions_[i].begin, .to = regions[i].begin, .count = lengths_[i]});
  }
  regions_ = std::move(regions);
  for (const auto& [sequence, region] : placements) memory_.place(sequence.value(), region.begin);
  auto moved = gpu::guarded(device_, "moving within the KV cache", [&] {
    move(moves);
    for (const Placement& placement : placements) clean(placement.sequence.value());
  });
  if (moved) return {};
  for (const Placement& placement : placements) {  // where their rows are is not known
    taint(placement.region);
    lengths_[placement.sequence.value()] = 0;
    memory_.lose(placement.sequence.value());
  }
  return moved;
}

void Residents::move(std::span<const RowMove> moves) {
  std::map<size_t, std::pair<std::vector<std::byte>, std::vector<std::byte>>> elsewhere;
  for (const auto& [kind, index] : order_moves(moves)) {
    const RowMove& move = moves[index];
    switch (kind) {
      case MoveStep::Kind::move:
        cache_.copy(move);
        memory_.copy(move);
        break;
      case MoveStep::Kind::read:
        elsewhere[index] = {cache_.read(move.from, move.count), memory_.read(move.from, move.count)};
        break;
      case MoveStep::Kind::write:
        cache_.write(move.to, move.count, elsewhere[index].first);
        memory_.write(move.to, move.count, elsewhere[index].second);
        elsewhere.erase(index);
        break;
    }
  }
}

// Memory that was given back reads as zeros, as cleared rows do.
Bytes Residents::release_rows() const {
  std::vector<std::pair<uint64_t, uint64_t>> used;
  for (uint32_t i = 0; i < regions_.size(); ++i) {
    if (lengths_[i] > 0) used.emplace_back(regions_[i].begin, uint64_t{regions_[i].begin} + lengths_[i]);
  }
  std::ranges::sort(used);
  used.emplace_back(cache_.rows(), cache_.rows());
  uint64_t free_from = 0;
  Bytes released = 0;
  for (const auto& [begin, end] : used) {
    if (begin > free_from) released += cache_.release(free_from, begin);
    free_from = std::max(free_from, end);
  }
  return released;
}

void Residents::taint(const wire::Region& region) {
  for (uint64_t row = region.begin; row < region.end(); row += kRegionStep) tainted_[row / kRegionStep] = true;
}

// Clears the tainted rows of a sequence's region beyond its tokens.
void Residents::clean(uint32_t sequence) {
  const wire::Region& region = regions_[sequence];
  const uint64_t length_end = uint64_t{region.begin} + lengths_[sequence];
  for (uint64_t row = region.begin; row < region.end(); row += kRegionStep) {
    if (!tainted_[row / kRegionStep]) continue;
    tainted_[row / kRegionStep] = false;
    cache_.clear(std::clamp(length_end, row, row + kRegionStep), row + kRegionStep);
  }
}

}  // namespace exogpu::engine
