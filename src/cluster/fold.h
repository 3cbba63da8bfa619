// The state of a cluster as the sum of its events: a pure function, the same on every node.
#pragma once

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// The state after one event more; its position moves on by one. An event that makes no sense where it stands (a stage
// of a plan that is over, a node that nobody knows) changes the position alone.
void apply(wire::ReplicatedState& state, const wire::Entry& entry);

// Whether the event would change more than the position.
bool changes(const wire::ReplicatedState& state, const wire::Event& event);

// Whether all stages of the plan are ready.
bool serving(const wire::ReplicatedState& state);

}  // namespace exogpu::cluster
