// Finds the ring of least cost: exactly for few devices, by a beam search for many, and any ring by a search that only
// meets the constraints.
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
  size_t labels_max = kLabelsMax;  // partial rings in memory before an exact search gives up
};

struct Found {
  std::optional<Ring> ring;
  double value_s = kNever;
  bool proven = false;  // no ring within the limits is better; without a ring: there is none
};

// Label-setting dynamic programming over (devices used, first, last, layers done), with the
// non-dominated costs of each state. Drops states that cannot lead to a better ring than the best one known: the
// remaining layers take at least the time of layers that can be cut anywhere, with the fewest hops that memory allows.
// Interchangeable devices are tried in one order only. `known` gives the search an upper bound; it is the result
// when no ring is better. At most 16 usable devices.
Found search_exactly(const RingProblem& problem, const SearchLimits& limits = {}, const Found& known = {});

// Keeps the most promising partial rings at each layer and continues each with the devices that are fastest from there
// or have the most memory. Finds a good ring, without proof.
Found search_beam(const RingProblem& problem, const SearchLimits& limits = {});

// The first ring that meets the constraints, whatever its speed: of the blocks of layers that must stay together, the
// one with the fewest devices left gets its device first; each choice removes the devices that it rules out from all
// other blocks, and is undone when one is left without. Interchangeable devices are tried once. Proves that there is no
// ring (`proven`, without one) if all devices are linked and `tries_max` choices are enough.
inline constexpr size_t kTriesMax = 300;
Found search_constraints(const RingProblem& problem, size_t tries_max = kTriesMax);

// The best device for the whole model.
Found search_single(const RingProblem& problem);

}  // namespace exogpu::placement
