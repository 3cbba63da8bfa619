// Plans that take little energy for a token, and are not too slow.
#pragma once

#include "placement/planner.h"

namespace exogpu::placement {

// Of the fastest plan's speed, the least that a plan for efficiency has.
inline constexpr double kEfficientSpeedLeast = 0.5;

// The joules that computing a token of one sequence alone adds to what the devices of the ring draw; 0: the power of
// one of them is not known.
double joules_per_token(const CostModel& model, const Ring& ring);

// The ring that takes the least energy for a token among those with at least kEfficientSpeedLeast of the speed of the
// fastest, which it is given: the best of a few searches in each of which a second costs so many joules. Where no power
// is known it is the fastest; a device whose power is not known counts as the one that draws most.
Ring most_efficient(const Planner& planner, const Ring& fastest);

}  // namespace exogpu::placement
