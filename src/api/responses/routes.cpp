#include "api/responses/routes.h"

#include "api/responses/create.h"

namespace exogpu::api::responses {

namespace {

Parsed<Action> retrieve(const Exchange& exchange) {
  const StoredAnswer* stored = exchange.answers.find(exchange.rest);
  if (!stored) return std::unexpected(unknown_response("id", exchange.rest));
  return Reply{.body = stored->body};
}

Parsed<Action> remove(const Exchange& exchange) {
  if (!exchange.answers.erase(exchange.rest)) return std::unexpected(unknown_response("id", exchange.rest));
  return Reply{.body = dump({{"id", exchange.rest}, {"object", "response"}, {"deleted", true}})};
}

constexpr Route kRoutes[] = {
    {.path = "/v1/responses", .method = "POST", .handle = create, .scope = wire::Scope::chat},
    {.path = "/v1/responses/", .method = "GET", .handle = retrieve, .scope = wire::Scope::chat},
    {.path = "/v1/responses/", .method = "DELETE", .handle = remove, .scope = wire::Scope::chat},
};

}  // namespace

Surface surface() { return {.error = to_json, .routes = kRoutes}; }

}  // namespace exogpu::api::responses
