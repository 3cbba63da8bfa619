// The output of `exogpu plan`, as text and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "placement/placement.h"
#include "placement/why.h"

namespace exogpu::cli {

struct PlanReport {
  const wire::ClusterView& view;
  const wire::ModelShape& shape;
  const placement::PlacementRequest& request;
  const placement::PlacementResult& answer;
  std::optional<wire::DeviceRef> why{};        // that is asked for
  std::vector<placement::Verdict> verdicts{};  // on it
};

std::string as_text(const PlanReport& report);

// One object. Released keys do not change; new ones may be added. Layers count from 0; "layer_end" is one past the
// last.
std::string as_json(const PlanReport& report);

}  // namespace exogpu::cli
