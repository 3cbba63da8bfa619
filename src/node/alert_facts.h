// What the snapshot of a cluster says to the rules of alerts.
#pragma once

#include <vector>

#include "node/cluster_snapshot.h"
#include "telemetry/alerts/facts.h"

namespace exogpu::node {

// `telemetry` gets its nodes' names. With `only_own_models`, only the models whose ring begins at this node: what other
// nodes and links do is then another node's concern.
telemetry::AlertFacts alert_facts(const ClusterSnapshot& cluster, std::vector<telemetry::NodeTelemetry> telemetry,
                                  bool only_own_models);

// Gives each node its name in the cluster, drops those that the cluster does not have, and sorts by name.
void set_names(const ClusterSnapshot& cluster, std::vector<telemetry::NodeTelemetry>& telemetry);

}  // namespace exogpu::node
