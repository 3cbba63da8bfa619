#include "api/plan_routes.h"

#include <utility>

#include "api/json/json_body.h"
#include "api/surface/models.h"
#include "api/surface/plan_fields.h"
#include "api/surface/prediction.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

json json_of(const node::PreviewPlan& plan) {
  json stages = json::array();
  for (const node::PreviewStage& stage : plan.stages) {
    stages.push_back({{"node", stage.node},
                      {"device", stage.device},
                      {"layer_begin", stage.layers.begin},
                      {"layer_end", stage.layers.end},
                      {"weights_bytes", stage.memory.weights},
                      {"cache_bytes", stage.memory.cache},
                      {"compute_bytes", stage.memory.compute},
                      {"decode_s", stage.decode_s},
                      {"hop_s", stage.hop_s}});
  }
  return {{"stages", std::move(stages)}, {"predicted", prediction_json(plan.predicted)}};
}

json json_of(const node::PlanPreview& preview) {
  json alternatives = json::array(), unused = json::array();
  for (const node::PreviewAlternative& other : preview.alternatives) {
    alternatives.push_back({{"name", other.name},
                            {"plan", other.plan ? json_of(*other.plan) : json(nullptr)},
                            {"reason", other.reason.empty() ? json(nullptr) : json(other.reason)}});
  }
  for (const node::PreviewUnused& each : preview.unused) {
    unused.push_back(
        {{"node", each.node}, {"device", each.device}, {"constraint", each.constraint}, {"reason", each.reason}});
  }
  return {{"model", preview.model},
          {"layers", preview.layers},
          {"context", preview.settings.context},
          {"pool", preview.settings.tokens_of_all()},
          {"parallel", preview.settings.sequences},
          {"objective", to_string(preview.settings.objective)},
          {"proven_best", preview.proven},
          {"makes_room", preview.makes_room},
          {"plan", json_of(preview.plan)},
          {"alternatives", std::move(alternatives)},
          {"unused_devices", std::move(unused)}};
}

Parsed<std::optional<uint32_t>> number(const Fields& fields, const char* name, int64_t most) {
  EXO_TRY(const auto value, fields.integer(name, 1, most));
  if (!value) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

Parsed<node::PreviewRequest> read_request(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(const auto name, fields.text("model"));
  if (!name) return bad_field("model", "missing_required_parameter", "is missing; name a model");
  EXO_TRY(const node::ModelEntry model, find_model(exchange.service, *name));
  node::PreviewRequest request{.model = model.id};
  EXO_TRY(request.context, number(fields, "context", INT32_MAX));
  EXO_TRY(request.sequences, number(fields, "parallel", 4096));
  EXO_TRY(request.devices_min, number(fields, "devices_min", 4096));
  EXO_TRY(request.prompt_tokens, number(fields, "prompt_tokens", INT32_MAX));
  EXO_TRY(request.context_tokens, number(fields, "context_tokens", INT32_MAX));
  EXO_TRY(request.layers, fields.text("layers"));
  EXO_TRY(request.without, read_without(fields));
  EXO_TRY(request.objective, read_objective(fields));
  return request;
}

Parsed<Action> plan(const Exchange& exchange) {
  EXO_TRY(node::PreviewRequest request, read_request(exchange));
  const auto shared = std::make_shared<const node::PreviewRequest>(std::move(request));
  return Later([&service = exchange.service, shared](auto done) {
    const auto reply = std::make_shared<decltype(done)>(std::move(done));
    service.preview(*shared, [reply](const Result<node::PlanPreview>& preview) {
      if (!preview) return (*reply)(std::unexpected(to_api_error(preview.error())));
      (*reply)(Reply{.body = dump(json_of(*preview))});
    });
  });
}

constexpr Route kPlanRoutes[] = {
    {.path = "/v1/plan", .method = "POST", .handle = plan, .scope = wire::Scope::cluster_read}};

}  // namespace

Surface plan_surface() { return {.error = to_json, .routes = kPlanRoutes}; }

}  // namespace exogpu::api
