// A ring with one device more.
#pragma once

#include <vector>

#include "placement/ring.h"

namespace exogpu::placement {

struct Changed {
  Ring ring;
  double value_s = kNever;  // of the best of the problems
};

enum class Change {
  join,  // every device of the ring keeps some of its layers
  any,   // one that gives all its layers away leaves
};

// The best ring in which `device`, which is not in `ring`, takes some run of layers from those that hold them.
// `thorough` tries every run, else only those that begin or end where one of the ring's does. value_s is kNever when no
// run fits, or no link leads there.
Changed with_device(const std::vector<RingProblem>& problems, const Ring& ring, size_t device, Change change,
                    bool thorough);

// The least value of the ring in any of the problems, which are those of one objective.
double least_s(const std::vector<RingProblem>& problems, const Ring& ring);

}  // namespace exogpu::placement
