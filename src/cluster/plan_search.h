// Asks the planner, with all constraints at once.
#pragma once

#include <optional>

#include "cluster/model_view.h"
#include "placement/placement.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// The text for which speeds are predicted, in tokens; 0: as placement::PlacementRequest says.
struct PredictedText {
  uint32_t prompt = 0;
  uint32_t context_mean = 0;
};

// The best plan for the model of the state. Precondition: the state has a model. Errors: those of
// placement::assign_layers() and request_of().
Result<placement::PlacementResult> search_plan(const ModelView& state, PredictedText text = {});

// The same with other settings than the model's, of which only the context, the pool and the step may differ.
Result<placement::PlacementResult> search_plan(const ModelView& state, const wire::ServingSettings& settings,
                                               PredictedText text = {});

// placement::with_longer_context() of a plan that search_plan() made with these settings.
wire::ServingSettings with_longer_context(const ModelView& state, const wire::ServingSettings& settings,
                                          wire::Plan& plan);

// A plan that leaves the resident stages of the plan `before` on their devices; nothing when the best plan is much
// faster. Stages that violate a constraint which the best plan meets are moved.
std::optional<placement::PlacementResult> plan_with_resident_parts(const ModelView& state, const wire::PlanMade& before,
                                                                   const placement::PlacementResult& best);

// The predicted speed of the current plan by the present profiles; the prediction of its making when that fails.
wire::PredictedSpeed speed_now(const ModelView& state);

// The figure that the objective maximises.
double speed_of(const wire::PredictedSpeed& speed, wire::Objective objective);

// Whether the plan serves this model with these settings (but for the tokens of a step, of the pool and of a context,
// where nobody fixed them), on any devices.
bool same_model(const wire::ServedModel& model, const wire::StagePlan& plan);

}  // namespace exogpu::cluster
