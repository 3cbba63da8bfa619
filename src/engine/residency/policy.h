// Which units of weights (layers, experts) a memory keeps that has no room for all: policies to compare on traces of
// what is used. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace exogpu::engine {

class ResidencyPolicy {
 public:
  virtual ~ResidencyPolicy() = default;
  ResidencyPolicy() = default;
  ResidencyPolicy(const ResidencyPolicy&) = delete;
  ResidencyPolicy& operator=(const ResidencyPolicy&) = delete;

  // The next use of the trace: whether the unit was in memory. It is afterwards.
  virtual bool use(uint32_t unit) = 0;
};

// Of `capacity` units, at least 1. The one that was used longest ago makes room.
std::unique_ptr<ResidencyPolicy> least_recent(uint32_t capacity);

// What shards do (residency.h): `capacity` less `slots` of the `units` stay for good, the others share the slots by
// turns. Precondition: slots <= capacity.
std::unique_ptr<ResidencyPolicy> pinned_circle(uint32_t capacity, uint32_t units, uint32_t slots);

// The one with the fewest uses makes room, where a use counts half after `half_life` others: by recency and frequency.
std::unique_ptr<ResidencyPolicy> frequent(uint32_t capacity, uint32_t units, double half_life);

// The one whose next use is farthest away makes room (Belady, 1966): the bound of all policies that must take what is
// used into memory. The calls of use() must be `trace`, which is borrowed.
std::unique_ptr<ResidencyPolicy> farthest(uint32_t capacity, std::span<const uint32_t> trace);

uint64_t hits(ResidencyPolicy& policy, std::span<const uint32_t> trace);

}  // namespace exogpu::engine
