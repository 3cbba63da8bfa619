// Which soft constraints a question cannot meet.
#pragma once

#include "placement/placement.h"

namespace exogpu::placement {

// The least that must be given up, by rank: as little as possible of the most important, then of the next. All of them
// where there is no plan all the same.
GivenUp least_given_up(const wire::ClusterView& view, const wire::ModelShape& shape, const PlacementRequest& request);

}  // namespace exogpu::placement
