// The replicated state as the sum of its events: a pure function, the same on every node.
#pragma once

#include "cluster/model_view.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// Applies one event; the position moves on by one. An event that does not fit the state (a stage of a plan that has
// ended, a node that is not in the state) changes only the position.
void apply(wire::ReplicatedState& state, const wire::Entry& entry);

// Whether the event would change more than the position.
bool changes(const wire::ReplicatedState& state, const wire::Event& event);

// Whether the model has a plan of which all stages are ready.
bool serving(const wire::ModelRecord& model);
bool serving(const ModelView& view);
// Why a stage of the model's plan cannot get its weights, which no node has that is online. Empty: all can, or there is
// no plan.
std::string missing_weights(const wire::ModelRecord& model);
// Whether any model is served.
bool serving(const wire::ReplicatedState& state);

// The model that has the plan of this epoch, or null.
const wire::ModelRecord* planned_in(const wire::ReplicatedState& state, wire::PlanEpoch epoch);

}  // namespace exogpu::cluster
