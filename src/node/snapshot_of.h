// Makes the snapshot of a cluster from its replicated state.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "node/cluster_snapshot.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

// The last report of each stage's node, by the stage's index. Reports of another plan's stages are ignored.
using StageReports = std::map<uint32_t, wire::StageProgress>;

// Why the cluster does not serve requests, in words; empty when it does.
std::string not_serving_reason(const wire::ReplicatedState& state, const StageReports& reports);

// Without the values that are this node's own: version, live rates, traffic and the model file's error.
// `no_leader_reason` counts where there is no leader.
ClusterSnapshot snapshot_of(const wire::ReplicatedState& state, std::optional<wire::NodeId> leader,
                            const std::string& no_leader_reason, const StageReports& reports);

}  // namespace exogpu::node
