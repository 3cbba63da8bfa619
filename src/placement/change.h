// Adds one device to a ring.
#pragma once

#include <span>

#include "placement/ring.h"

namespace exogpu::placement {

struct Changed {
  Ring ring;
  double value_s = kNever;  // the least of all problems
};

enum class Change {
  join,  // every device of the ring keeps some of its layers
  any,   // a device that gives all its layers away leaves the ring
};

// The best ring in which `device`, which is not in `ring`, takes some run of layers from the devices that have them.
// `thorough` tries every run, else only those that begin or end where one of the ring's does. value_s is kNever when no
// run fits, or the device has no link to the ring.
Changed with_device(std::span<const RingProblem> problems, const Ring& ring, size_t device, Change change,
                    bool thorough);

// The least value of the ring in any of the problems. All problems are of one objective.
double least_s(std::span<const RingProblem> problems, const Ring& ring);

}  // namespace exogpu::placement
