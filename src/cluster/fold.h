// The replicated state as the sum of its events: a pure function, the same on every node.
#pragma once

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// Applies one event; the position moves on by one. An event that does not fit the state (a stage of a plan that has
// ended, a node that is not in the state) changes only the position.
void apply(wire::ReplicatedState& state, const wire::Entry& entry);

// Whether the event would change more than the position.
bool changes(const wire::ReplicatedState& state, const wire::Event& event);

// Whether all stages of the plan are ready.
bool serving(const wire::ReplicatedState& state);

}  // namespace exogpu::cluster
