// The part of the cluster's state that a worker uses.
#pragma once

#include "cluster/reconcile.h"

namespace exogpu::worker {

// Excludes the profiles of all nodes and the model's shape.
wire::ReplicatedState relevant_state(const wire::ReplicatedState& state, const cluster::LocalPlan& local);

bool takes_part(const wire::StagePlan& plan, wire::NodeId node);

}  // namespace exogpu::worker
