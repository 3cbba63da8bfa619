// Finds the ring of least cost: exactly for few devices, by a beam for many.
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
  size_t labels_max = 2'000'000;  // partial rings kept before an exact search gives up
};

struct Found {
  std::optional<Ring> ring;
  double value_s = kNever;
  bool proven = false;  // no ring within the limits is better; without a ring: there is none
};

// Label-setting dynamic programming over (devices used, first, last, layers done), keeping of each state the costs that
// no other beats in both parts. What cannot become better than the best ring known is dropped: the layers left take at
// least what they would if they could be cut anywhere, without hops beyond the number that memory forces. Identical
// devices of one node are tried in one order only. `known` starts the search with an upper bound; it is returned when
// nothing is better. At most 16 usable devices.
Found search_exactly(const RingProblem& problem, const SearchLimits& limits = {}, const Found& known = {});

// Layer by layer, keeps the most promising partial rings and continues each with the devices that are fastest from
// there, or have the most room. Finds a good ring, without proof.
Found search_beam(const RingProblem& problem, const SearchLimits& limits = {});

// The best device that holds the whole model.
Found search_single(const RingProblem& problem);

}  // namespace exogpu::placement
