// Searches rings of the usable devices.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "placement/constraints.h"
#include "placement/cost.h"
#include "placement/ring.h"
#include "placement/search.h"

namespace exogpu::placement {

// Borrows the model, which must outlive it.
struct Planner {
  explicit Planner(const CostModel& cost_model);

  const CostModel& model;
  std::vector<Constraint> constraints;
  std::vector<RingProblem> problems;  // of the request's objective; the best ring is the best of any
  std::vector<size_t> usable;         // devices that violate no constraint that holds

  // What each constraint says is judged alike wherever it is asked.
  std::optional<Breach> breach(size_t device) const { return breach_of(constraints, model.given_up(), device); }
  std::optional<Breach> breach_beside(size_t device, size_t other) const;
  // Whether there is a ring at all, whatever its speed.
  bool possible() const;
  std::string name(size_t device) const;
  // The most devices of one ring. Of devices that share a memory it can have one.
  size_t ring_size_max() const;
  Found search(const SearchLimits& limits) const;
  // Rings by the search for any ring, where the others find none.
  Found greedy() const;
  // The problems to compare changes of the ring in: all, or with many devices only the one in which it is fastest.
  std::span<const RingProblem> problems_of_changes(const Ring& ring) const;
  // Adds devices that make the ring faster, one at a time.
  void improve(Ring& ring) const;
};

}  // namespace exogpu::placement
