// Searches rings of the usable devices.
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
  std::vector<size_t> usable;         // devices that violate no constraint

  std::string name(size_t device) const;
  // The most devices of one ring. Of devices that share a memory it can have one.
  size_t ring_size_max() const;
  Found search(const SearchLimits& limits) const;
  // Adds devices that make the ring faster, one at a time.
  void improve(Ring& ring) const;
};

}  // namespace exogpu::placement
