// Plans of a device that has no memory for all layers and reads some from the file again for each step.
#pragma once

#include <functional>
#include <optional>

#include "placement/cost.h"
#include "placement/placement.h"

namespace exogpu::placement {

// Plans with all layers in memory.
using AssignInMemory = std::function<Result<PlacementResult>(
    const wire::ClusterView& view, const wire::ModelShape& shape, const PlacementRequest& request)>;

// The best plan of one device. Nothing where no device may stream, or has memory for two layers beside what stays in
// any case. docs/placement.md has the formulas.
std::optional<PlacementResult> plan_that_streams(const CostModel& model, const AssignInMemory& assign);

}  // namespace exogpu::placement
