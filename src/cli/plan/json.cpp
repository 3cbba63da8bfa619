#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/plan/report.h"
#include "placement/ring.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const PlanReport& r, const wire::DeviceRef& ref) {
  const wire::DeviceProfile& device = *std::ranges::find(r.view.devices, ref, &wire::DeviceProfile::id);
  return {{"id", ref.device},
          {"node", device.node_name.empty() ? Json(nullptr) : Json(device.node_name)},
          {"name", device.name},
          {"memory_free_bytes", device.memory_free}};
}

Json json_of(const PlanReport& r, const wire::Plan& plan) {
  Json stages = Json::array();
  for (const wire::Stage& stage : plan.stages) {
    stages.push_back({{"device", json_of(r, stage.device)},
                      {"layer_begin", stage.layers.begin},
                      {"layer_end", stage.layers.end},
                      {"weights_bytes", stage.memory.weights},
                      {"cache_bytes", stage.memory.cache},
                      {"compute_bytes", stage.memory.compute},
                      {"layers_streamed", stage.layers_streamed},
                      {"bytes_streamed", stage.bytes_streamed},
                      {"decode_s", stage.decode_s},
                      {"hop_s", stage.hop_s}});
  }
  return {{"stages", std::move(stages)},
          {"predicted",
           {{"tokens_per_s_alone", plan.predicted.tokens_per_s_alone},
            {"tokens_per_s_parallel", plan.predicted.tokens_per_s_parallel},
            {"first_token_s", plan.predicted.first_token_s},
            {"joules_per_token",
             plan.predicted.joules_per_token > 0 ? Json(plan.predicted.joules_per_token) : Json(nullptr)}}}};
}

const char* method_text(placement::Method method) {
  switch (method) {
    case placement::Method::exact: return "exact";
    case placement::Method::search: return "search";
    case placement::Method::greedy: return "greedy";
  }
  return "";
}

}  // namespace

std::string as_json(const PlanReport& r) {
  Json json = {{"model", r.shape.name},
               {"layers", r.shape.layers.size()},
               {"context", r.request.serving.context},
               {"pool", r.request.serving.tokens_of_all()},
               {"parallel", r.request.serving.sequences},
               {"mean_context", placement::context_mean_of(r.request)},
               {"prompt", placement::prompt_of(r.request)},
               {"for", to_string(r.request.serving.objective)},
               {"activations", to_string(r.answer.plan.activations)},
               {"proven_best", r.answer.proven},
               {"method", method_text(r.answer.method)},
               {"plan", json_of(r, r.answer.plan)}};
  Json alternatives = Json::array();
  for (const placement::Alternative& other : r.answer.alternatives) {
    Json entry = {{"name", other.name}, {"plan", other.plan ? json_of(r, *other.plan) : Json(nullptr)}};
    if (!other.plan) entry["reason"] = other.reason;
    alternatives.push_back(std::move(entry));
  }
  json["alternatives"] = std::move(alternatives);
  json["given_up"] = Json::array();
  for (const placement::Soft soft : placement::kSoft) {
    if (r.answer.given_up.has(soft)) json["given_up"].push_back(to_string(soft));
  }
  Json unused_devices = Json::array();
  for (const placement::UnusedDevice& unused : r.answer.unused)
    unused_devices.push_back(
        {{"device", json_of(r, unused.device)}, {"constraint", unused.constraint}, {"reason", unused.reason}});
  json["unused_devices"] = std::move(unused_devices);
  if (r.why) {
    Json verdicts = Json::array();
    for (const placement::Verdict& verdict : r.verdicts)
      verdicts.push_back({{"name", verdict.name}, {"allows", verdict.allows}, {"reason", verdict.reason}});
    json["why"] = {{"device", json_of(r, *r.why)}, {"verdicts", std::move(verdicts)}};
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace exogpu::cli
