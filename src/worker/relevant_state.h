// What a worker needs of the cluster's state.
#pragma once

#include "cluster/reconcile.h"

namespace exogpu::worker {

// Without the profiles of all nodes and the shape of the model.
wire::ReplicatedState relevant_state(const wire::ReplicatedState& state, const cluster::LocalPlan& local);

bool takes_part(const wire::StagePlan& plan, wire::NodeId node);

}  // namespace exogpu::worker
