// The rows of a shard's KV cache that belong to one sequence, where the sequences share a pool of rows.
#pragma once

#include <cstdint>

#include "wire/ids.h"

namespace exogpu::wire {

// Regions begin and end at multiples of so many rows: attended rows grow in these steps, so that graphs can be reused.
inline constexpr uint32_t kRegionStep = 256;

constexpr uint32_t whole_region_steps(uint32_t tokens) {
  return (tokens + kRegionStep - 1) / kRegionStep * kRegionStep;
}

// The token at position p is in row `begin` + p.
struct Region {
  uint32_t begin = 0;
  uint32_t rows = 0;  // 0: the sequence holds nothing
  uint64_t end() const { return uint64_t{begin} + rows; }
  bool overlaps(const Region& other) const { return begin < other.end() && other.begin < end(); }
  friend bool operator==(const Region&, const Region&) = default;
};

// The rows that a sequence has from now on.
struct Placement {
  SeqId sequence{};
  Region region{};
};

}  // namespace exogpu::wire
