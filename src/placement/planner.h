// Searches rings over the devices that may be used.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "placement/cost.h"
#include "placement/ring.h"
#include "placement/search.h"

namespace exogpu::placement {

// Borrows the model, which must outlive it.
struct Planner {
  explicit Planner(const CostModel& cost_model);

  const CostModel& model;
  std::vector<RingProblem> problems;  // of the request's objective; the best ring is the best of any
  std::vector<size_t> usable;         // devices that break no constraint

  std::string name(size_t device) const;
  // Devices that one ring can have: of those that share a memory, one.
  size_t ring_size_max() const;
  Found search(const SearchLimits& limits) const;
  // Gives layers to devices that make the ring faster, one at a time.
  void improve(Ring& ring) const;
};

}  // namespace exogpu::placement
