// What a node has for Prometheus: GET /metrics. docs/telemetry.md lists the families.
#pragma once

#include <string>
#include <vector>

#include "node/cluster_snapshot.h"
#include "node/node_metrics.h"
#include "telemetry/snapshot.h"
#include "wire/telemetry.h"

namespace exogpu::api {

struct MetricsInput {
  const node::ClusterSnapshot& cluster;
  const telemetry::TelemetrySnapshot& telemetry;  // of this node alone counts
  const std::vector<wire::Alert>& alerts;
  const node::NodeMetrics& node;
};

// Of this node alone, since Prometheus asks each; so the number of series does not grow with the square of the nodes.
std::string metrics_text(const MetricsInput& input);

}  // namespace exogpu::api
