// Why a plan is as it is: the ways that were not taken, and the devices that have no layers.
#pragma once

#include "placement/placement.h"
#include "placement/planner.h"

namespace exogpu::placement {

// The ring as a plan, with its alternatives and the devices left out.
PlacementResult describe(const Planner& planner, const Ring& ring);

void add_unused(const Planner& planner, PlacementResult& result, const Ring& ring);

// Why there is no ring at all. Errors: out_of_memory, unavailable.
std::unexpected<Error> no_ring(const Planner& planner);

}  // namespace exogpu::placement
