#include "api/routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>

#include "api/cluster_json.h"
#include "api/openai/call.h"
#include "base/utf8.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

// Takes as long for a key that is nearly right as for any other.
bool equal_secrets(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(secret[i % secret.size()]);
  }
  return difference == 0;
}

bool authorized(std::string_view authorization, const std::string& key) {
  if (key.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return false;
  const std::string_view scheme = authorization.substr(0, kScheme.size());
  return std::ranges::equal(scheme, kScheme, [](char a, char b) { return (a | 0x20) == (b | 0x20); }) &&
         equal_secrets(authorization.substr(kScheme.size()), key);
}

json describe(const node::ModelEntry& model) {
  return {{"id", model.id},
          {"object", "model"},
          {"created", std::chrono::duration_cast<std::chrono::seconds>(model.created.time_since_epoch()).count()},
          {"owned_by", "exogpu"},
          {"max_model_len", model.context_tokens}};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') return (c | 0x20) - 'a' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

ApiError unknown_model(std::string_view name, const std::vector<node::ModelEntry>& models) {
  std::string known;
  for (const auto& model : models) known += (known.empty() ? "" : ", ") + model.id;
  return {.status = 404,
          .message = std::format("there is no model {}; there is {}", dump(json(name.substr(0, 200))),
                                 known.empty() ? "none at present" : known),
          .param = "model",
          .code = "model_not_found"};
}

Reply health(node::Service& service) {
  const auto ready = service.ready();
  if (ready) return {.body = R"({"status":"ok"})"};
  return error_reply(to_api_error(ready.error()));
}

Reply list_models(node::Service& service) {
  json list = json::array();
  for (const auto& model : service.models()) list.push_back(describe(model));
  return {.body = dump({{"object", "list"}, {"data", std::move(list)}})};
}

Reply one_model(std::string_view encoded, node::Service& service) {
  const std::string name = percent_decoded(encoded);
  const auto models = service.models();
  const auto found = std::ranges::find(models, name, &node::ModelEntry::id);
  if (found == models.end()) return error_reply(unknown_model(name, models));
  return {.body = dump(describe(*found))};
}

// {"node": NAME, "draining": true}
Reply drain(std::string_view body, node::Service& service) {
  const json asked = json::parse(body, nullptr, false);
  const bool sound = asked.is_object() && asked.contains("node") && asked["node"].is_string() &&
                     (!asked.contains("draining") || asked["draining"].is_boolean());
  if (!sound) {
    return error_reply({.status = 400,
                        .message = R"(send {"node": NAME, "draining": true}, or false to use it again)",
                        .param = "node",
                        .code = "invalid_request"});
  }
  const auto done = service.drain(asked["node"].get<std::string>(), asked.value("draining", true));
  if (!done) return error_reply(to_api_error(done.error()));
  return {.body = R"({"status":"ok"})"};
}

Action start_call(const TextSurface& surface, const RequestView& request, const ServerOptions& options,
                  node::Service& service, uint64_t seed) {
  const auto refuse = [&](const ApiError& error) {
    Reply reply = error_reply(error);
    reply.body = surface.error(error);
    return reply;
  };
  const CallLimits limits{.json = {.depth_max = options.json_depth_max, .values_max = options.json_values_max},
                          .answers_max = options.answers_max};
  auto call = surface.read(request.body, limits, seed);
  if (!call) return refuse(call.error());
  const auto models = service.models();
  if (models.empty()) {
    // One that waits longer than others is for the node to judge.
    if (call->generations.front().wait) return *std::move(call);
    if (const auto ready = service.ready(); !ready) return refuse(to_api_error(ready.error()));
  }
  std::string& name = call->generations.front().model;
  if (name.empty() && !models.empty()) name = models.front().id;
  if (std::ranges::find(models, name, &node::ModelEntry::id) == models.end()) {
    return refuse(unknown_model(name, models));
  }
  for (auto& generation : call->generations) generation.model = name;
  return *std::move(call);
}

struct Path {
  std::string_view path;
  std::string_view methods;  // as in Allow
};

constexpr Path kPaths[] = {
    {"/health", "GET, HEAD"},      {"/v1/models", "GET, HEAD"}, {"/v1/cluster", "GET, HEAD"},
    {"/v1/models/", "GET, HEAD"},  // and a model's name
    {"/v1/cluster/drain", "POST"}, {"/v1/completions", "POST"}, {"/v1/chat/completions", "POST"},
};

const Path* find_path(std::string_view path) {
  for (const Path& known : kPaths) {
    if (path == known.path || (known.path.ends_with('/') && path.starts_with(known.path))) return &known;
  }
  return nullptr;
}

// "/health, /v1/models, ..."
std::string known_paths() {
  std::string all;
  for (const Path& known : kPaths) {
    if (!known.path.ends_with('/')) all += (all.empty() ? "" : ", ") + std::string(known.path);
  }
  return all;
}

bool takes(const Path& path, std::string_view method) {
  for (const auto part : std::views::split(path.methods, std::string_view(", "))) {
    if (std::string_view(part) == method) return true;
  }
  return false;
}

Reply preflight(const RequestView& request) {
  Reply reply{.status = 204,
              .fields = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"}, {"Access-Control-Max-Age", "3600"}}};
  if (!request.requested_headers.empty()) {
    reply.fields.emplace_back("Access-Control-Allow-Headers", request.requested_headers);
  }
  return reply;
}

}  // namespace

Reply error_reply(const ApiError& error) {
  Reply reply{.status = error.status, .body = to_json(error)};
  if (error.status == 401) reply.fields.emplace_back("WWW-Authenticate", "Bearer");
  if (error.status == 503) reply.fields.emplace_back("Retry-After", "1");
  return reply;
}

Action route(const RequestView& request, const ServerOptions& options, node::Service& service, uint64_t seed) {
  std::string_view path = request.target.substr(0, request.target.find('?'));
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (!origin_allowed(request.origin, request.host, options)) {
    return error_reply({.status = 403,
                        .message = std::format("pages of {0} may not use this server; let them in with "
                                               "`exogpu serve --origin \"{0}\"`",
                                               printable(request.origin.substr(0, 200))),
                        .code = "origin_not_allowed"});
  }
  const Path* known = find_path(path);
  if (!known) {
    return error_reply(
        {.status = 404,
         .message = std::format("there is no {} here; there is {}", dump(json(path.substr(0, 200))), known_paths()),
         .code = "unknown_url"});
  }
  if (request.method == "OPTIONS") return preflight(request);
  if (!takes(*known, request.method)) {
    Reply reply = error_reply({.status = 405,
                               .message = std::format("{} takes {} alone", known->path, known->methods),
                               .code = "method_not_allowed"});
    reply.fields.emplace_back("Allow", std::string(known->methods) + ", OPTIONS");
    return reply;
  }
  if (path == "/health") return health(service);
  if (!authorized(request.authorization, options.api_key)) {
    return error_reply({.status = 401,
                        .message = request.authorization.empty()
                                       ? "the API key is missing; send it as \"Authorization: Bearer KEY\""
                                       : "the API key is wrong",
                        .code = "invalid_api_key"});
  }
  if (path == "/v1/models") return list_models(service);
  if (path == "/v1/cluster/drain") return drain(request.body, service);
  if (path == "/v1/cluster") return Reply{.body = cluster_json(*service.cluster())};
  if (path == "/v1/chat/completions") return start_call(kChatSurface, request, options, service, seed);
  if (path == "/v1/completions") return start_call(kCompletionSurface, request, options, service, seed);
  return one_model(path.substr(std::string_view("/v1/models/").size()), service);
}

}  // namespace exogpu::api
