// How the cluster would run a model of its library that is not loaded: the planner's own prediction. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

struct Prediction {
  wire::PredictedSpeed speed{};
  std::vector<wire::DeviceRef> devices{};  // in the order of the ring
  std::string reason{};                    // why it cannot be run, in the planner's words; empty if it can
  friend bool operator==(const Prediction&, const Prediction&) = default;
};

// What the planner needs to know of the model, by the header of its file: each layer is the mean of all of them, and
// the scratch memory is an estimate. Precondition: `model.work` is known.
wire::ModelShape estimated_shape(const wire::LibraryModel& model, const wire::ServingSettings& settings);

// As the model would be planned with these settings, which have no zeros for defaults, over what the pinned models
// leave: the others may make room. A model whose work is not known has no prediction, and a reason.
Prediction predict(const wire::ReplicatedState& state, const wire::LibraryModel& model,
                   const wire::ServingSettings& settings);

// Of the state, what predict() depends on, in steps so coarse that it seldom changes.
std::string prediction_basis(const wire::ReplicatedState& state);

}  // namespace exogpu::cluster
