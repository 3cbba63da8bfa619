// Explains a plan: its alternatives, and why devices are unused.
#pragma once

#include "placement/placement.h"
#include "placement/planner.h"

namespace exogpu::placement {

// The ring as a plan, with its alternatives and unused devices.
PlacementResult describe(const Planner& planner, const Ring& ring);

// Why the ring does not use this device; `with_speeds`: with the speed that it would have with it.
UnusedDevice unused_reason(const Planner& planner, const Ring& ring, size_t device, bool with_speeds = true);

void add_unused(const Planner& planner, PlacementResult& result, const Ring& ring);

// The error when there is no ring: out_of_memory, unavailable.
std::unexpected<Error> no_ring(const Planner& planner);

}  // namespace exogpu::placement
