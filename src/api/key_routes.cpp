#include "api/key_routes.h"

#include <nlohmann/json.hpp>

#include "api/json/json_body.h"

namespace exogpu::api {
namespace {

using Json = nlohmann::ordered_json;
using node::AccessKeys;

constexpr int64_t kLifetimeMax = int64_t{100} * 366 * 86'400;

std::chrono::system_clock::time_point now() { return std::chrono::system_clock::now(); }

Json json_of(const wire::AccessKey& key) {
  Json out{{"id", key.id.text()}, {"name", key.name}, {"scopes", key.scopes.text()}, {"created", key.created_s}};
  if (key.expires_s != 0) out["expires"] = key.expires_s;
  if (!key.models.empty()) out["models"] = key.models;
  if (!key.devices.empty()) out["devices"] = key.devices;
  if (key.requests_per_minute != 0) out["requests_per_minute"] = key.requests_per_minute;
  if (key.tokens_per_day != 0) out["tokens_per_day"] = key.tokens_per_day;
  out["revoked"] = key.revoked;
  return out;
}

ApiError error_of(const Error& error) {
  ApiError out = to_api_error(error);
  if (error.code == ErrorCode::not_found) out.code = "key_not_found";
  if (error.code == ErrorCode::resource_exhausted) out.code = "too_many_keys";
  out.param.reset();
  return out;
}

Parsed<Reply> reply_of(const Result<security::MadeAccessKey>& made) {
  if (!made) return std::unexpected(error_of(made.error()));
  Json out = json_of(made->record);
  out["key"] = made->key;
  return Reply{.body = dump(out), .fields = {{"Cache-Control", "no-store"}}};
}

Parsed<Action> list(const Exchange& exchange) {
  Json keys = Json::array();
  for (const wire::AccessKey& key : exchange.service.access_keys().all()) keys.push_back(json_of(key));
  return Reply{.body = dump({{"keys", keys}})};
}

Parsed<std::vector<std::string>> read_patterns(const Fields& fields, const char* field) {
  std::vector<std::string> patterns;
  const Json* list = fields.find(field);
  if (list == nullptr) return patterns;
  if (!list->is_array()) return bad_field(field, "invalid_type", "is {}, not an array", kind(*list));
  for (const Json& pattern : *list) {
    if (!pattern.is_string()) return bad_field(field, "invalid_type", "has {} in it, not a text", kind(pattern));
    patterns.push_back(pattern.get<std::string>());
  }
  return patterns;
}

Parsed<node::AccessKeyTerms> read_terms(const Json& body) {
  const Fields fields(body);
  node::AccessKeyTerms terms;
  EXO_TRY(const auto name, fields.text("name"));
  EXO_TRY(const auto scopes, fields.text("scopes"));
  EXO_TRY(const auto lifetime, fields.integer("expires_in_s", 1, kLifetimeMax));
  EXO_TRY(const auto requests, fields.integer("requests_per_minute", 1, 1'000'000));
  EXO_TRY(const auto tokens, fields.integer("tokens_per_day", 1, int64_t{1} << 50));
  if (!name) return bad_field("name", "missing_required_parameter", "is missing; say whose key it is");
  auto read = wire::parse_scopes(scopes.value_or("chat,embeddings"));
  if (!read) return bad_field("scopes", "invalid_value", "{}", read.error().message);
  EXO_TRY(terms.models, read_patterns(fields, "models"));
  EXO_TRY(terms.devices, read_patterns(fields, "devices"));
  terms.name = *name;
  terms.scopes = *read;
  if (lifetime) terms.lifetime = std::chrono::seconds(*lifetime);
  terms.requests_per_minute = static_cast<uint32_t>(requests.value_or(0));
  terms.tokens_per_day = static_cast<uint64_t>(tokens.value_or(0));
  return terms;
}

// {"name": "laptop", "scopes": "chat,embeddings", "models": ["qwen*"], "devices": ["desk/*"], "expires_in_s": 7776000,
//  "requests_per_minute": 60, "tokens_per_day": 1000000}
Parsed<Action> make(const Exchange& exchange) {
  EXO_TRY(const Json body, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(node::AccessKeyTerms terms, read_terms(body));
  return Work(
      [&keys = exchange.service.access_keys(), terms = std::move(terms)] { return reply_of(keys.make(terms, now())); });
}

// {"key": NAME or ID}
Parsed<std::string> read_key(const Exchange& exchange) {
  EXO_TRY(const Json body, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(auto key, Fields(body).text("key"));
  if (!key) return bad_field("key", "missing_required_parameter", "is missing; give the name or the id of a key");
  return *std::move(key);
}

Parsed<Action> revoke(const Exchange& exchange) {
  EXO_TRY(std::string key, read_key(exchange));
  return Work([&keys = exchange.service.access_keys(), key = std::move(key)]() -> Parsed<Reply> {
    const auto revoked = keys.revoke(key);
    if (!revoked) return std::unexpected(error_of(revoked.error()));
    return Reply{.body = dump(json_of(*revoked))};
  });
}

Parsed<Action> rotate(const Exchange& exchange) {
  EXO_TRY(std::string key, read_key(exchange));
  return Work([&keys = exchange.service.access_keys(), key = std::move(key)] { return reply_of(keys.rotate(key)); });
}

constexpr Route kKeyRoutes[] = {
    {.path = "/v1/keys", .method = "GET", .handle = list},
    {.path = "/v1/keys", .method = "POST", .handle = make},
    {.path = "/v1/keys/revoke", .method = "POST", .handle = revoke},
    {.path = "/v1/keys/rotate", .method = "POST", .handle = rotate},
};

}  // namespace

Surface key_surface() { return {.error = to_json, .routes = kKeyRoutes}; }

}  // namespace exogpu::api
