// The part of the cluster's state that a worker uses.
#pragma once

#include <string>

#include "cluster/reconcile.h"

namespace exogpu::worker {

// Of the model with this content id. Excludes the profiles of all nodes and the model's shape.
cluster::ModelView relevant_state(const wire::ReplicatedState& state, const std::string& content,
                                  const cluster::LocalPlan& local);

bool takes_part(const wire::StagePlan& plan, wire::NodeId node);

}  // namespace exogpu::worker
