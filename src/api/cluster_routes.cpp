#include "api/cluster_routes.h"

#include "api/cluster_json.h"
#include "wire/version.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

Parsed<Action> root(const Exchange&) { return Reply{.body = "exogpu is running\n", .type = "text/plain"}; }

Parsed<Action> health(const Exchange& exchange) {
  const auto ready = exchange.service.ready();
  if (!ready) return std::unexpected(to_api_error(ready.error()));
  return Reply{.body = R"({"status":"ok"})"};
}

Parsed<Action> version(const Exchange&) { return Reply{.body = dump({{"version", wire::own_versions().program}})}; }

Parsed<Action> cluster(const Exchange& exchange) { return Reply{.body = cluster_json(*exchange.service.cluster())}; }

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

// {"model": NAME}
Parsed<Action> unload(const Exchange& exchange) {
  const json asked = json::parse(exchange.body, nullptr, false);
  if (!asked.is_object() || !asked.contains("model") || !asked["model"].is_string()) {
    return std::unexpected(ApiError{.message = R"(send {"model": NAME})", .param = "model", .code = "invalid_request"});
  }
  const auto done = exchange.service.unload(asked["model"].get<std::string>());
  if (!done) return std::unexpected(to_api_error(done.error()));
  return Reply{.body = R"({"success":true})"};
}

constexpr Route kClusterRoutes[] = {
    {.path = "/", .method = "GET", .handle = root, .needs_key = false},
    {.path = "/health", .method = "GET", .handle = health, .needs_key = false},
    {.path = "/version", .method = "GET", .handle = version, .needs_key = false},
    {.path = "/v1/cluster", .method = "GET", .handle = cluster},
    {.path = "/v1/cluster/drain", .method = "POST", .handle = drain},
    {.path = "/v1/models/unload", .method = "POST", .handle = unload},
    {.path = "/models/unload", .method = "POST", .handle = unload},  // as llama.cpp's router has it
};

}  // namespace

Surface cluster_surface() { return {.error = to_json, .routes = kClusterRoutes}; }

}  // namespace exogpu::api
