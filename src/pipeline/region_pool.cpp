#include "pipeline/region_pool.h"

#include <algorithm>

#include "base/assert.h"

namespace exogpu::pipeline {

using wire::Placement;
using wire::Region;

RegionPool::RegionPool(uint32_t sequences, uint32_t rows, uint32_t step)
    : rows_((rows + step - 1) / step * step), step_(step), regions_(sequences) {}

RegionPool::RegionPool(const std::vector<Region>& regions, uint32_t rows, uint32_t step)
    : RegionPool(static_cast<uint32_t>(regions.size()), rows, step) {
  for (size_t i = 0; i < regions.size(); ++i) {
    const bool taken = std::ranges::any_of(regions_, [&](const Region& r) { return r.overlaps(regions[i]); });
    if (taken || regions[i].end() > rows_ || regions[i].begin % step != 0 || regions[i].rows % step != 0) continue;
    regions_[i] = regions[i];
    used_ += regions[i].rows;
  }
}

uint32_t RegionPool::rows_for(uint64_t tokens) const {
  return static_cast<uint32_t>((tokens + step_ - 1) / step_ * step_);
}

std::vector<uint32_t> RegionPool::by_place() const {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < regions_.size(); ++i) {
    if (regions_[i].rows > 0) order.push_back(i);
  }
  std::ranges::sort(order, {}, [this](uint32_t i) { return regions_[i].begin; });
  return order;
}

void RegionPool::set(uint32_t sequence, Region region, std::vector<Placement>& changes) {
  if (region.rows == 0) region = {};
  if (regions_[sequence] == region) return;
  used_ += region.rows;
  used_ -= regions_[sequence].rows;
  regions_[sequence] = region;
  changes.push_back({.sequence = wire::SeqId(sequence), .region = region});
}

uint32_t RegionPool::free_behind(uint32_t sequence) const {
  uint64_t next = rows_;
  for (const Region& other : regions_) {
    if (other.rows > 0 && other.begin >= regions_[sequence].end()) next = std::min<uint64_t>(next, other.begin);
  }
  return static_cast<uint32_t>(next - regions_[sequence].end());
}

// A hole for what is wished is the smallest that has it, so that large ones remain; for less, the largest.
std::optional<Region> RegionPool::hole(uint32_t needed, uint32_t wished) const {
  std::optional<Region> best;
  const auto consider = [&](uint64_t begin, uint64_t end) {
    const Region hole{.begin = static_cast<uint32_t>(begin), .rows = static_cast<uint32_t>(end - begin)};
    if (hole.rows < needed) return;
    const bool has_all = hole.rows >= wished;
    const bool better = !best || (has_all ? best->rows < wished || hole.rows < best->rows : hole.rows > best->rows);
    if (better) best = hole;
  };
  uint64_t begin = 0;
  for (const uint32_t i : by_place()) {
    consider(begin, regions_[i].begin);
    begin = regions_[i].end();
  }
  consider(begin, rows_);
  if (best) best->rows = std::min(best->rows, wished);
  return best;
}

// Slides the regions together, so that all free rows lie behind this one.
void RegionPool::make_room_behind(uint32_t sequence, std::vector<Placement>& changes) {
  const std::vector<uint32_t> order = by_place();
  const auto at = std::ranges::find(order, sequence);
  const auto split = at == order.end() ? at : at + 1;
  uint32_t begin = 0;
  for (auto i = order.begin(); i != split; ++i) {
    set(*i, {.begin = begin, .rows = regions_[*i].rows}, changes);
    begin += regions_[*i].rows;
  }
  uint32_t end = rows_;
  for (auto i = order.end(); i != split;) {
    --i;
    end -= regions_[*i].rows;
    set(*i, {.begin = end, .rows = regions_[*i].rows}, changes);
  }
  if (at == order.end()) regions_[sequence].begin = begin;
}

void RegionPool::grow(uint32_t sequence, uint32_t needed, uint32_t wished, std::vector<Placement>& changes) {
  const Region had = regions_[sequence];
  if (had.rows >= needed) return;
  EXO_ASSERT(needed - had.rows <= free_rows(), "a region grows where there are rows for it");
  std::optional<Region> place;
  if (had.rows > 0 && had.rows + free_behind(sequence) >= needed) {
    place = had;
  } else if (const auto other = hole(needed, wished)) {
    place = *other;
  } else {
    make_room_behind(sequence, changes);
    place = regions_[sequence];
  }
  if (place->begin == regions_[sequence].begin) {
    place->rows = std::min(wished, regions_[sequence].rows + free_behind(sequence));
  }
  set(sequence, *place, changes);
}

void RegionPool::shrink(uint32_t sequence, uint32_t rows, std::vector<Placement>& changes) {
  if (rows < regions_[sequence].rows) set(sequence, {.begin = regions_[sequence].begin, .rows = rows}, changes);
}

}  // namespace exogpu::pipeline
