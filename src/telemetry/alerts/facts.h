// What alerts are found in: the telemetry of nodes, and what else is known of the cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "telemetry/snapshot.h"

namespace exogpu::telemetry {

struct NodeFacts {
  std::string name{};
  bool online = true;
  std::string version{};
  bool memory_short = false;  // it gives up caches or layers
};
struct LinkFacts {
  std::string from{}, to{};
  double loss = 0;                      // 0..1
  std::optional<double> bytes_per_s{};  // absent until it was measured
};
struct ModelFacts {
  std::string name{};
  std::optional<double> predicted_tokens_per_s{};  // with as many requests as are computed
  std::optional<double> tokens_per_s{};            // absent while nothing is computed
  std::string without_spare{};                     // layers of which no other node has a copy, for people; empty: none
};
// A device whose results differ from those of another, of answers that were computed twice.
struct DifferingDevice {
  std::string node{}, device{};
};
struct AlertFacts {
  std::vector<NodeTelemetry> telemetry{};
  std::vector<NodeFacts> nodes{};
  std::vector<LinkFacts> links{};
  std::vector<ModelFacts> models{};
  std::vector<DifferingDevice> differing{};
};

}  // namespace exogpu::telemetry
