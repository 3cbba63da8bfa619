#include "api/surface/prediction.h"

namespace exogpu::api {

nlohmann::ordered_json prediction_json(const wire::PredictedSpeed& speed) {
  return {{"first_token_s", speed.first_token_s},
          {"tokens_per_s_alone", speed.tokens_per_s_alone},
          {"tokens_per_s_parallel", speed.tokens_per_s_parallel},
          {"joules_per_token", speed.joules_per_token > 0 ? nlohmann::ordered_json(speed.joules_per_token)
                                                          : nlohmann::ordered_json(nullptr)}};
}

nlohmann::ordered_json prediction_json(const node::PredictedRun& run) {
  if (!run.reason.empty()) return {{"reason", run.reason}};
  nlohmann::ordered_json object = prediction_json(run.speed);
  object["devices"] = run.devices;
  return object;
}

}  // namespace exogpu::api
