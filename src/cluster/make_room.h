// Which models make room for another one. Pure functions of the state.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// The models to remove so that the model with this content id, which has no plan, can have one: as few of the first
// ones of `removable` as do, without those of them that are not in the way. Empty if it needs none of them removed, or
// cannot be planned even without all of them. Precondition: the state has the model.
std::vector<std::string> models_in_the_way(const wire::ReplicatedState& state, const std::string& content,
                                           std::span<const std::string> removable);

// The state as it is when all models but the pinned ones have made room and this one has no plan. Devices that failed
// to load layers of it stay without room for it.
wire::ReplicatedState beside_pinned(const wire::ReplicatedState& state, const wire::ServedModel& model);

// Why the nodes that are online cannot hold the model even if all models but the pinned ones make room: what is
// missing, in the planner's words. Devices that failed to load layers of it count as without room, for as long as the
// state has the model. Empty if they can.
std::string too_large_reason(const wire::ReplicatedState& state, const wire::ServedModel& model);

}  // namespace exogpu::cluster
