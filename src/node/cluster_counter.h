// Counts how the cluster changes, as this node sees it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "node/node_metrics.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

class ClusterCounter {
 public:
  // --- on one thread
  void observe_leader(std::optional<wire::NodeId> leader) EXO_EXCLUDES(mutex_);
  void observe(const wire::ReplicatedState& state) EXO_EXCLUDES(mutex_);
  // --- any thread
  ClusterCounts counts() const EXO_EXCLUDES(mutex_);

 private:
  std::map<std::string, wire::StagePlan> plans_;  // of each model the last one, by content id
  std::optional<wire::NodeId> leader_;
  mutable Mutex mutex_;
  ClusterCounts counts_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::node
