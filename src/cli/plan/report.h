// What `exogpu plan` says, as a page for a person and as JSON for a program.
#pragma once

#include <string>

#include "placement/placement.h"

namespace exogpu::cli {

struct PlanReport {
  const wire::ClusterView& view;
  const wire::ModelShape& shape;
  const placement::PlacementRequest& request;
  const placement::PlacementResult& answer;
};

std::string as_text(const PlanReport& report);

// One object. The keys stay as they are once released; new ones may join them. Layers count from 0, "layer_end" is one
// past the last.
std::string as_json(const PlanReport& report);

}  // namespace exogpu::cli
