#include "api/cluster_routes.h"

#include "api/cluster_events.h"
#include "api/cluster_json.h"
#include "api/json/json_body.h"
#include "api/owner_limits.h"
#include "api/surface/models.h"
#include "api/surface/plan_fields.h"
#include "wire/version.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

Parsed<Action> health(const Exchange& exchange) {
  const auto ready = exchange.service.ready();
  if (!ready) return std::unexpected(to_api_error(ready.error()));
  return Reply{.body = R"({"status":"ok"})"};
}

Parsed<Action> version(const Exchange&) { return Reply{.body = dump({{"version", wire::own_versions().program}})}; }

Parsed<Action> cluster(const Exchange& exchange) { return Reply{.body = cluster_json(*exchange.service.cluster())}; }

// Changes of a quarter of a second come as one.
Parsed<Action> events(const Exchange& exchange) {
  return Feed{
      .next = [&service = exchange.service, sent = ClusterEvents()]() mutable { return sent.next(*service.cluster()); },
      .every = std::chrono::milliseconds(250)};
}

// {"node": NAME, "draining": true}
Parsed<Action> drain(const Exchange& exchange) {
  const json asked = json::parse(exchange.body, nullptr, false);
  const bool sound = asked.is_object() && asked.contains("node") && asked["node"].is_string() &&
                     (!asked.contains("draining") || asked["draining"].is_boolean());
  if (!sound) {
    return std::unexpected(ApiError{.message = R"(send {"node": NAME, "draining": true}, or false to use it again)",
                                    .param = "node",
                                    .code = "invalid_request"});
  }
  const auto done = exchange.service.drain(asked["node"].get<std::string>(), asked.value("draining", true));
  if (!done) return std::unexpected(to_api_error(done.error()));
  return Reply{.body = R"({"status":"ok"})"};
}

// {"node": NAME or ID}
Parsed<Action> remove_node(const Exchange& exchange) {
  EXO_TRY(const json asked, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(auto node, Fields(asked).text("node"));
  if (!node) return bad_field("node", "missing_required_parameter", "is missing; give the name or the id of a node");
  return Work([&service = exchange.service, node = *std::move(node)]() -> Parsed<Reply> {
    const auto removed = service.remove(node);
    if (removed) return Reply{.body = R"({"status":"ok"})"};
    ApiError error = to_api_error(removed.error());
    error.param = "node";
    if (removed.error().code == ErrorCode::not_found) error.code = "node_not_found";
    return std::unexpected(std::move(error));
  });
}

Parsed<Reply> role_reply(const Result<void>& done) {
  if (done) return Reply{.body = R"({"status":"ok"})"};
  ApiError error = to_api_error(done.error());
  if (done.error().code == ErrorCode::not_found) {
    error.param = "node";
    error.code = "node_not_found";
  }
  if (done.error().code == ErrorCode::failed_precondition) error.status = 409;
  return std::unexpected(std::move(error));
}

// {"node": NAME or ID, "role": "worker"}
Parsed<Action> give_role(const Exchange& exchange) {
  EXO_TRY(const json asked, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(asked);
  EXO_TRY(auto node, fields.text("node"));
  EXO_TRY(const auto name, fields.text("role"));
  if (!node) return bad_field("node", "missing_required_parameter", "is missing; give the name or the id of a node");
  if (!name) return bad_field("role", "missing_required_parameter", "is missing; give owner, member, worker or guest");
  const auto role = wire::parse_role(*name);
  if (!role) return bad_field("role", "invalid_value", "{}", role.error().message);
  return Work([&service = exchange.service, node = *std::move(node), role = *role]() -> Parsed<Reply> {
    return role_reply(service.set_role(node, role));
  });
}

Parsed<Action> begin_roles(const Exchange& exchange) {
  return Work([&service = exchange.service]() -> Parsed<Reply> { return role_reply(service.begin_roles()); });
}

// {"node": NAME or ID, "name": NEW}
Parsed<Action> rename_node(const Exchange& exchange) {
  EXO_TRY(const json asked, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(asked);
  EXO_TRY(const auto node, fields.text("node"));
  EXO_TRY(const auto name, fields.text("name"));
  if (!node) return bad_field("node", "missing_required_parameter", "is missing; give the name or the id of a node");
  if (!name) return bad_field("name", "missing_required_parameter", "is missing; give the node's new name");
  const auto done = exchange.service.rename(*node, *name);
  if (done) return Reply{.body = R"({"status":"ok"})"};
  ApiError error = to_api_error(done.error());
  const bool unknown = done.error().code == ErrorCode::not_found;
  error.param = unknown || done.error().code == ErrorCode::unavailable ? "node" : "name";
  if (unknown) error.code = "node_not_found";
  return std::unexpected(std::move(error));
}

// {"node": NAME or ID, "temperature_max_c": 75, "power_max_w": null}
Parsed<Action> set_limits(const Exchange& exchange) {
  EXO_TRY(const json asked, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(const auto node, Fields(asked).text("node"));
  if (!node) return bad_field("node", "missing_required_parameter", "is missing; give the name or the id of a node");
  EXO_TRY(const wire::LimitChanges changes, read_limit_changes(asked));
  const auto done = exchange.service.set_limits(*node, changes);
  if (done) return Reply{.body = R"({"status":"ok"})"};
  ApiError error = to_api_error(done.error());
  error.param = "node";
  if (done.error().code == ErrorCode::not_found) error.code = "node_not_found";
  return std::unexpected(std::move(error));
}

Parsed<wire::LoadSettings> load_settings(const Fields& fields) {
  EXO_TRY(const auto pinned, fields.boolean("pinned"));
  EXO_TRY(const auto context, fields.integer("context", 1, INT32_MAX));
  EXO_TRY(const auto parallel, fields.integer("parallel", 1, 4096));
  EXO_TRY(const auto keep, fields.integer("keep_loaded_s", 0, INT32_MAX));
  const auto number = [](const auto& value) {
    return value ? std::optional(static_cast<uint32_t>(*value)) : std::nullopt;
  };
  wire::LoadSettings settings{.pinned = pinned.value_or(false),
                              .context = number(context),
                              .sequences = number(parallel),
                              .keep_loaded_s = number(keep)};
  EXO_TRY(settings.layers, fields.text("layers"));
  EXO_TRY(settings.without, read_without(fields));
  EXO_TRY(settings.objective, read_objective(fields));
  return settings;
}

// A key for some devices loads models onto these alone.
Parsed<void> keep_to_devices(const Exchange& exchange, wire::LoadSettings& settings) {
  auto forbidden = forbidden_devices(exchange.by, *exchange.service.cluster());
  if (forbidden.empty()) return {};
  if (settings.layers) {
    return std::unexpected(ApiError{.status = 403,
                                    .message = "an API key for some devices lets the cluster place the layers: leave "
                                               "\"layers\" out",
                                    .param = "layers",
                                    .code = "device_not_allowed"});
  }
  if (!settings.without) settings.without.emplace();
  for (std::string& device : forbidden) settings.without->push_back(std::move(device));
  return {};
}

// {"model": NAME, "pinned": true, "context": 8192, "parallel": 2, "keep_loaded_s": 600,
//  "layers": "desk/cpu:0-11,lap:12-23", "without": ["desk/vulkan0"], "objective": "latency"}
Parsed<Action> load(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(const auto name, fields.text("model"));
  if (!name) return bad_field("model", "missing_required_parameter", "is missing; name a model");
  EXO_TRY(const node::ModelEntry model, find_model(exchange.service, *name));
  EXO_CHECK(check_model(exchange.by, model.id));
  EXO_TRY(wire::LoadSettings settings, load_settings(fields));
  EXO_CHECK(keep_to_devices(exchange, settings));
  const auto done = exchange.service.load(model.id, settings);
  if (!done) return std::unexpected(to_api_error(done.error()));
  return Reply{.body = R"({"success":true})"};
}

// {"model": NAME}
Parsed<Action> unload(const Exchange& exchange) {
  const json asked = json::parse(exchange.body, nullptr, false);
  if (!asked.is_object() || !asked.contains("model") || !asked["model"].is_string()) {
    return std::unexpected(ApiError{.message = R"(send {"model": NAME})", .param = "model", .code = "invalid_request"});
  }
  const auto name = asked["model"].get<std::string>();
  EXO_CHECK(check_model(exchange.by, name));
  const auto done = exchange.service.unload(name);
  if (!done) return std::unexpected(to_api_error(done.error()));
  return Reply{.body = R"({"success":true})"};
}

// Keys say who may do this; without keys that would be everybody of the network.
Parsed<void> check_may_remove(const Exchange& exchange) {
  if (exchange.by.authenticated || exchange.request.from_this_machine) return {};
  return std::unexpected(ApiError{.status = 403,
                                  .message = "files of models are removed from the node's own machine only, since no "
                                             "API key is needed here; do it there, or restart the node with `exogpu "
                                             "serve --api-key`",
                                  .type = "permission_error",
                                  .code = "permission_denied"});
}

ApiError removal_error(const Error& why) {
  ApiError error = to_api_error(why);
  error.param = "model";
  if (why.code == ErrorCode::failed_precondition) error.status = 409;
  return error;
}

Parsed<Action> files_of(const Exchange& exchange, const std::string& name, bool only_look) {
  EXO_CHECK(check_may_remove(exchange));
  EXO_TRY(const node::ModelEntry model, find_model(exchange.service, name));
  EXO_CHECK(check_model(exchange.by, model.id));
  return Later([&service = exchange.service,
                request = node::ModelRemoval{.model = model.id, .only_look = only_look}](auto done) {
    const auto reply = std::make_shared<decltype(done)>(std::move(done));
    service.remove_model(request, [reply](const Result<node::RemovedModel>& found) {
      if (!found) return (*reply)(std::unexpected(removal_error(found.error())));
      (*reply)(Reply{.body = dump({{"model", found->model},
                                   {"node", found->node},
                                   {"files", found->files},
                                   {"freed_bytes", found->bytes_freed},
                                   {"refused", found->refusal.empty() ? json(nullptr) : json(found->refusal)}})});
    });
  });
}

Parsed<Action> look_at_files(const Exchange& exchange) { return files_of(exchange, exchange.rest, true); }

// {"model": NAME}
Parsed<Action> remove_model(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(const auto name, Fields(body).text("model"));
  if (!name) return bad_field("model", "missing_required_parameter", "is missing; name a model");
  return files_of(exchange, *name, false);
}

constexpr Route kClusterRoutes[] = {
    {.path = "/health", .method = "GET", .handle = health, .needs_key = false},
    {.path = "/version", .method = "GET", .handle = version, .needs_key = false},
    {.path = "/v1/cluster", .method = "GET", .handle = cluster, .scope = wire::Scope::cluster_read},
    {.path = "/v1/cluster/events", .method = "GET", .handle = events, .scope = wire::Scope::cluster_read},
    {.path = "/v1/cluster/drain", .method = "POST", .handle = drain, .scope = wire::Scope::cluster_write},
    {.path = "/v1/cluster/remove", .method = "POST", .handle = remove_node},
    {.path = "/v1/cluster/role", .method = "POST", .handle = give_role},
    {.path = "/v1/cluster/roles", .method = "POST", .handle = begin_roles},
    {.path = "/v1/cluster/rename", .method = "POST", .handle = rename_node, .scope = wire::Scope::cluster_write},
    {.path = "/v1/cluster/limits", .method = "POST", .handle = set_limits, .scope = wire::Scope::cluster_write},
    {.path = "/v1/models/load", .method = "POST", .handle = load, .scope = wire::Scope::models},
    {.path = "/models/load",
     .method = "POST",
     .handle = load,
     .scope = wire::Scope::models},  // as llama.cpp's router has it
    {.path = "/v1/models/unload", .method = "POST", .handle = unload, .scope = wire::Scope::models},
    {.path = "/models/unload", .method = "POST", .handle = unload, .scope = wire::Scope::models},
    {.path = "/v1/library/", .method = "GET", .handle = look_at_files, .scope = wire::Scope::models},
    {.path = "/v1/models/remove", .method = "POST", .handle = remove_model, .scope = wire::Scope::models},
};

}  // namespace

Surface cluster_surface() { return {.error = to_json, .routes = kClusterRoutes}; }

}  // namespace exogpu::api
