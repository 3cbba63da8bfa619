// Makes the snapshot of a cluster from its replicated state.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/cluster_snapshot.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

// The last report of each stage's node, by the epoch of its plan and the stage's index.
using StageReports = std::map<std::pair<wire::PlanEpoch, uint32_t>, wire::StageProgress>;

// Why the cluster does not serve requests for the model, in words; empty when it does.
std::string not_serving_reason(const wire::ReplicatedState& state, const wire::ModelRecord& model,
                               const StageReports& reports);
// The models of the state, those that are served first, each group by name.
std::vector<const wire::ModelRecord*> models_in_order(const wire::ReplicatedState& state);

// Without the values that are this node's own: version, live rates, traffic and the model file's error.
// `no_leader_reason` counts where there is no leader.
ClusterSnapshot snapshot_of(const wire::ReplicatedState& state, std::optional<wire::NodeId> leader,
                            const std::string& no_leader_reason, const StageReports& reports);

}  // namespace exogpu::node
