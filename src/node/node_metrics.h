// What a node counts about itself, for monitoring; beside the snapshot of the cluster and the telemetry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "node/request_counts.h"
#include "wire/node_id.h"

namespace exogpu::node {

// Since the node's start, as it saw them.
struct ClusterCounts {
  uint64_t leader_changes = 0;
  // By why they were made: "first", of a model without one; "node_lost", "device_failed": of the plan before;
  // "replanned": another one is better, or was asked for.
  std::map<std::string, uint64_t, std::less<>> plans{};
};

// Of answers that were to be computed once more, see AnswerVerifier.
struct VerificationCounts {
  uint64_t verified = 0;
  uint64_t differed = 0;  // of them
  uint64_t skipped = 0;   // another was verified meanwhile, or it could not be
};

struct NodeMetrics {
  wire::NodeId self{};
  std::map<std::string, RequestCounts> requests{};  // of this node's clients, by model
  ClusterCounts cluster{};
  VerificationCounts verification{};
};

}  // namespace exogpu::node
