#include "api/session_routes.h"

#include "api/client_identity.h"
#include "api/json/json_body.h"
#include "api/session.h"

namespace exogpu::api {
namespace {

using SessionJson = nlohmann::ordered_json;

std::string who(const Principal& by) {
  return dump({{"name", by.key ? SessionJson(by.key->name) : SessionJson(nullptr)},
               {"scopes", by.key ? by.key->scopes.text() : std::string("admin")}});
}

Parsed<Action> show_session(const Exchange& exchange) { return Reply{.body = who(exchange.by)}; }

// The key comes as "Authorization: Bearer KEY"; that of a cookie takes the place of x-api-key.
Parsed<Action> sign_in(const Exchange& exchange) {
  const std::string_view key = presented_key(exchange.request.authorization);
  if (!exchange.by.authenticated || key.empty()) {
    return std::unexpected(ApiError{.message = "send the key as \"Authorization: Bearer KEY\"", .code = "missing_key"});
  }
  return Reply{.body = who(exchange.by), .fields = {{"Set-Cookie", session_cookie(key)}}};
}

Parsed<Action> sign_out(const Exchange&) {
  return Reply{.body = R"({"status":"ok"})", .fields = {{"Set-Cookie", session_cookie({})}}};
}

constexpr Route kSessionRoutes[] = {
    {.path = "/v1/session", .method = "GET", .handle = show_session, .scope = std::nullopt},
    {.path = "/v1/session", .method = "POST", .handle = sign_in, .scope = std::nullopt},
    {.path = "/v1/session", .method = "DELETE", .handle = sign_out, .needs_key = false},
};

}  // namespace

Surface session_surface() { return {.error = to_json, .routes = kSessionRoutes}; }

}  // namespace exogpu::api
