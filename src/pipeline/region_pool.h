// Which rows of a pool each sequence has. Pure: knows neither tokens nor devices.
//
// Regions grow in place where the rows behind them are free, and move otherwise. Where no hole is large enough the
// others make room: the allocator slides them together.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "wire/region.h"

namespace exogpu::pipeline {

class RegionPool {
 public:
  // Regions begin and end at multiples of `step`.
  RegionPool(uint32_t sequences, uint32_t rows, uint32_t step);
  // With regions as they are; those that the pool cannot have are dropped.
  RegionPool(const std::vector<wire::Region>& regions, uint32_t rows, uint32_t step);

  const wire::Region& of(uint32_t sequence) const { return regions_[sequence]; }
  const std::vector<wire::Region>& regions() const { return regions_; }
  uint32_t rows() const { return rows_; }
  uint32_t free_rows() const { return rows_ - used_; }
  // The rows for so many tokens.
  uint32_t rows_for(uint64_t tokens) const;

  // Makes the region one of at least `needed` rows, up to `wished` where there are as many in one place. The changes
  // are appended to `changes`, in the order in which they must be made: none overlaps with another sequence's region.
  // Precondition: there are as many free rows; both are multiples of the step, `wished` the greater.
  void grow(uint32_t sequence, uint32_t needed, uint32_t wished, std::vector<wire::Placement>& changes);
  // Leaves the region its first `rows`, a multiple of the step.
  void shrink(uint32_t sequence, uint32_t rows, std::vector<wire::Placement>& changes);

 private:
  std::vector<uint32_t> by_place() const;
  uint32_t free_behind(uint32_t sequence) const;
  std::optional<wire::Region> hole(uint32_t needed, uint32_t wished) const;
  void make_room_behind(uint32_t sequence, std::vector<wire::Placement>& changes);
  void set(uint32_t sequence, wire::Region region, std::vector<wire::Placement>& changes);

  uint32_t rows_;
  uint32_t step_;
  uint32_t used_ = 0;
  std::vector<wire::Region> regions_;  // of each sequence; without rows: none
};

}  // namespace exogpu::pipeline
