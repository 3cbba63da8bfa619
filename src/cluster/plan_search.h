// Calls the planner with the fewest nodes and the fewest avoided devices that can hold the model.
#pragma once

#include <optional>

#include "cluster/model_view.h"
#include "placement/placement.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

struct FoundPlan {
  placement::PlacementResult result;
  int avoidance_limit = 1;    // it uses no device whose avoidance() is at least this
  bool spares_memory = true;  // nodes that are short of memory need no more for it than they ask for
};

// The best plan for the model of the state. Precondition: the state has a model. Uses avoided devices only if the
// others cannot hold the model, and avoided links, or memory that nodes ask to be spared, only if there is no plan
// without. Errors: those of placement::assign_layers() and request_of().
Result<FoundPlan> search_plan(const ModelView& state);

// A plan that leaves the resident stages of the plan `before` on their devices; nothing when the best plan is much
// faster. Stages on avoided devices that the best plan does not use are moved.
std::optional<placement::PlacementResult> plan_with_resident_parts(const ModelView& state, const wire::PlanMade& before,
                                                                   const FoundPlan& best);

// The predicted speed of the current plan by the present profiles; the prediction of its making when that fails.
wire::PredictedSpeed speed_now(const ModelView& state);

// The figure that the objective maximises.
double speed_of(const wire::PredictedSpeed& speed, wire::Objective objective);

// Whether the plan serves this model with these settings (but for the tokens of a step, where nobody fixed them), on
// any devices.
bool same_model(const wire::ServedModel& model, const wire::StagePlan& plan);

}  // namespace exogpu::cluster
