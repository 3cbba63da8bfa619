// Finds the ring of least cost: exactly for few devices, by a beam search for many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "placement/ring.h"

namespace exogpu::placement {

struct SearchLimits {
  size_t stages_min = 1;
  size_t stages_max = std::numeric_limits<size_t>::max();
  size_t labels_max = 2'000'000;  // partial rings in memory before an exact search gives up
};

struct Found {
  std::optional<Ring> ring;
  double value_s = kNever;
  bool proven = false;  // no ring within the limits is better; without a ring: there is none
};

// Label-setting dynamic programming over (devices used, first, last, layers done), with the
// non-dominated costs of each state. Drops states that cannot lead to a better ring than the best one known: the
// remaining layers take at least the time of layers that can be cut anywhere, with the fewest hops that memory allows.
// Identical devices of one node are tried in one order only. `known` gives the search an upper bound; it is the result
// when no ring is better. At most 16 usable devices.
Found search_exactly(const RingProblem& problem, const SearchLimits& limits = {}, const Found& known = {});

// Keeps the most promising partial rings at each layer and continues each with the devices that are fastest from there
// or have the most memory. Finds a good ring, without proof.
Found search_beam(const RingProblem& problem, const SearchLimits& limits = {});

// The best device for the whole model.
Found search_single(const RingProblem& problem);

}  // namespace exogpu::placement
