// What the planner predicts of a model, as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "node/cluster_snapshot.h"

namespace exogpu::api {

// {"first_token_s", "tokens_per_s_alone", "tokens_per_s_parallel"}
nlohmann::ordered_json prediction_json(const wire::PredictedSpeed& speed);
// The same with the "devices" that run the model; or the "reason" why none do.
nlohmann::ordered_json prediction_json(const node::PredictedRun& run);

}  // namespace exogpu::api
