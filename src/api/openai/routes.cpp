#include "api/openai/routes.h"

#include "api/openai/call.h"
#include "api/openai/embeddings.h"
#include "api/surface/models.h"
#include "api/surface/prediction.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

// As llama.cpp's router has it.
json status(const node::ModelEntry& model) {
  json status = {{"value", name_of(model.state)}};
  if (model.load_failed) status["failed"] = true;
  if (!model.load_reason.empty()) status["reason"] = model.load_reason;
  return status;
}

// How fast the devices run it, or would, by the planner; null while that is not known.
json predicted(const node::ClusterSnapshot& cluster, const std::string& name) {
  if (const node::ModelSnapshot* model = cluster.find_model(name); model != nullptr && model->plan) {
    node::PredictedRun run{.speed = model->plan->predicted};
    for (const node::StageSnapshot& stage : model->plan->stages) run.devices.push_back(stage.node + "/" + stage.device);
    return prediction_json(run);
  }
  const node::LibraryEntrySnapshot* entry = cluster.find_in_library(name);
  return entry == nullptr || !entry->predicted ? json(nullptr) : prediction_json(*entry->predicted);
}

// With the fields of Anthropic's list, whose clients ask at the same path.
json describe(const node::ModelEntry& model, const node::ClusterSnapshot& cluster) {
  const auto created = std::chrono::floor<std::chrono::seconds>(model.created);
  return {{"id", model.id},
          {"object", "model"},
          {"created", created.time_since_epoch().count()},
          {"owned_by", "exogpu"},
          {"max_model_len", model.context_tokens},
          {"type", "model"},
          {"display_name", model.id},
          {"created_at", std::format("{:%FT%T}Z", created)},
          {"status", status(model)},
          {"predicted", predicted(cluster, model.id)}};
}

Parsed<Action> list_models(const Exchange& exchange) {
  json list = json::array();
  const auto cluster = exchange.service.cluster();
  for (const auto& model : exchange.service.models()) list.push_back(describe(model, *cluster));
  const json first = list.empty() ? json() : list.front()["id"];
  const json last = list.empty() ? json() : list.back()["id"];
  return Reply{.body = dump({{"object", "list"},
                             {"data", std::move(list)},
                             {"has_more", false},
                             {"first_id", first},
                             {"last_id", last}})};
}

Parsed<Action> one_model(const Exchange& exchange) {
  EXO_TRY(const node::ModelEntry model, find_model(exchange.service, exchange.rest));
  return Reply{.body = dump(describe(model, *exchange.service.cluster()))};
}

Parsed<Action> start_call(CallKind kind, const Exchange& exchange) {
  EXO_TRY(Call call, parse_call(kind, exchange.body, exchange.limits, exchange.seed));
  return to_text_call(std::move(call));
}

Parsed<Action> chat(const Exchange& exchange) { return start_call(CallKind::chat, exchange); }
Parsed<Action> completion(const Exchange& exchange) { return start_call(CallKind::completion, exchange); }

constexpr Route kOpenaiRoutes[] = {
    {.path = "/v1/models", .method = "GET", .handle = list_models, .scope = {}},
    {.path = "/v1/models/", .method = "GET", .handle = one_model, .scope = {}},
    {.path = "/v1/chat/completions", .method = "POST", .handle = chat, .scope = wire::Scope::chat},
    {.path = "/v1/completions", .method = "POST", .handle = completion, .scope = wire::Scope::chat},
    {.path = "/v1/embeddings", .method = "POST", .handle = openai_embeddings, .scope = wire::Scope::embeddings},
};

}  // namespace

Surface openai_surface() { return {.error = to_json, .routes = kOpenaiRoutes}; }

}  // namespace exogpu::api
