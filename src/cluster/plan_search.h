// Asks the planner, with as few nodes and as few avoided devices as do.
#pragma once

#include <optional>

#include "placement/placement.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

struct FoundPlan {
  placement::PlacementResult result;
  int avoidance_limit = 1;  // it uses no device that is avoided by so much (`avoidance()`)
};

// The best plan for the model of the state, which there must be. Without avoided devices where the others can hold the
// model, and without links that are left out of plans where there is another way.
// Errors: those of placement::assign_layers(), and of layers given by hand.
Result<FoundPlan> search_plan(const wire::ReplicatedState& state);

// With what is resident of the plan before in its place, where that is nearly as good as the best. What is avoided, and
// not in the best, does not stay.
std::optional<placement::PlacementResult> plan_with_resident_parts(const wire::ReplicatedState& state,
                                                                   const wire::PlanMade& before, const FoundPlan& best);

// What the plan in force can do by what is known now; what was predicted when it was made, where that cannot be said.
wire::PredictedSpeed speed_now(const wire::ReplicatedState& state);

// What the objective counts; more is better.
double speed_of(const wire::PredictedSpeed& speed, wire::Objective objective);

// Whether the plan serves the model as it is to be served, on whatever devices.
bool same_model(const wire::ServedModel& model, const wire::StagePlan& plan);

}  // namespace exogpu::cluster
