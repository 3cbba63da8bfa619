// Devices that can take each other's place in any plan without a change of its cost.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "placement/cost.h"

namespace exogpu::placement {

// For each device of the model the first of `usable` (ascending) that it can be exchanged for, itself if there is none
// before it: of one node, or the only usable devices of nodes with equal links. A search that takes the devices of one
// kind in their order misses nothing. Devices that are not usable are of their own kind.
std::vector<size_t> kinds_of(const CostModel& model, std::span<const size_t> usable);

}  // namespace exogpu::placement
