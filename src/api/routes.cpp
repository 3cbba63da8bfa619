#include "api/routes.h"

#include <algorithm>

#include "api/admission_routes.h"
#include "api/anthropic/routes.h"
#include "api/audit_routes.h"
#include "api/cluster_routes.h"
#include "api/key_routes.h"
#include "api/llama_cpp/routes.h"
#include "api/ollama/routes.h"
#include "api/openai/routes.h"
#include "api/page/page_routes.h"
#include "api/plan_routes.h"
#include "api/responses/routes.h"
#include "api/session_routes.h"
#include "api/stream_routes.h"
#include "api/surface/content_coding.h"
#include "api/surface/models.h"
#include "api/surface/query.h"
#include "api/telemetry/routes.h"
#include "base/utf8.h"

namespace exogpu::api {

namespace {

constexpr std::string_view kAllMethods = "GET, HEAD, POST, DELETE, OPTIONS";

// Those whose prefix is longer come first.
std::span<const Surface> surfaces() {
  static const Surface kSurfaces[] = {
      cluster_surface(),   key_surface(),        audit_surface(),      session_surface(), plan_surface(),
      telemetry_surface(), admission_surface(),  page_surface(),       stream_surface(),  anthropic::surface(),
      ollama::surface(),   llama_cpp::surface(), responses::surface(), openai_surface()};
  return kSurfaces;
}

bool matches(const Route& route, std::string_view path) {
  if (path == route.path) return true;
  return route.path.size() > 1 && route.path.ends_with('/') && path.starts_with(route.path);
}

struct Found {
  const Surface* surface = nullptr;  // of the path, also where it has no such route; never null
  const Route* route = nullptr;      // of the path and the method
  std::string methods{};             // of the path; empty: there is no such path
};

// The surface whose form a client of an unknown path most likely expects.
const Surface* surface_of(std::string_view path) {
  for (const Surface& surface : surfaces()) {
    if (!surface.prefix.empty() && path.starts_with(surface.prefix)) return &surface;
  }
  return &surfaces().back();
}

Found find_route(std::string_view path, std::string_view method) {
  if (method == "HEAD") method = "GET";
  Found found{.surface = surface_of(path)};
  for (const Surface& surface : surfaces()) {
    for (const Route& route : surface.routes) {
      if (!matches(route, path)) continue;
      found.surface = &surface;
      if (route.method == method) found.route = &route;
      if (!found.methods.empty()) found.methods += ", ";
      found.methods += route.method == "GET" ? "GET, HEAD" : route.method;
    }
    if (!found.methods.empty()) break;
  }
  return found;
}

// "/health, /v1/models, ..."
std::string known_paths() {
  std::string all;
  for (const Surface& surface : surfaces()) {
    for (const Route& route : surface.routes) {
      if (!route.path.ends_with('/')) all += (all.empty() ? "" : ", ") + std::string(route.path);
    }
  }
  return all;
}

Reply preflight(const RequestView& request) {
  Reply reply{.status = 204,
              .fields = {{"Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"},
                         {"Access-Control-Max-Age", "3600"},
                         {"Allow", std::string(kAllMethods)}}};
  if (!request.requested_headers.empty()) {
    reply.fields.emplace_back("Access-Control-Allow-Headers", request.requested_headers);
  }
  return reply;
}

ApiError unknown_path(std::string_view path) {
  return {.status = 404,
          .message = std::format("there is no {} here; there is {}", dump(path.substr(0, 200)), known_paths()),
          .code = "unknown_url"};
}

ApiError foreign_origin(std::string_view origin) {
  return {.status = 403,
          .message = std::format("pages of {0} may not use this server; let them in with "
                                 "`exogpu serve --origin \"{0}\"`",
                                 printable(origin.substr(0, 200))),
          .code = "origin_not_allowed"};
}

// Gives the model's full name to the generations.
Parsed<Routed> with_model(TextCall call, const Exchange& exchange) {
  const node::Service& service = exchange.service;
  if (call.work) return call;  // asks no model
  const node::GenerationRequest& first = call.generations.front();
  // One that waits longer than others is for the node to judge.
  if (first.wait && service.models().empty()) {
    EXO_CHECK(check_model(exchange.by, first.model));
    EXO_CHECK(check_devices(exchange.by, first.model, *service.cluster()));
    return call;
  }
  EXO_TRY(const node::ModelEntry model, find_model(service, first.model));
  EXO_CHECK(check_model(exchange.by, model.id));
  EXO_CHECK(check_devices(exchange.by, model.id, *service.cluster()));
  for (auto& generation : call.generations) {
    generation.model = model.id;
    const auto* all = exchange.limits.sampling;
    if (all == nullptr) continue;
    if (const auto own = all->find(model.id); own != all->end()) apply_defaults(own->second, generation);
  }
  return call;
}

Parsed<Routed> run(const Found& found, const Exchange& exchange) {
  const auto error_body = found.surface->error;
  EXO_TRY(Action action, found.route->handle(exchange));
  if (auto* call = std::get_if<TextCall>(&action)) return with_model(std::move(*call), exchange);
  if (auto* reply = std::get_if<Reply>(&action)) return std::move(*reply);
  if (auto* read = std::get_if<wire::StreamRead>(&action)) return std::move(*read);
  if (auto* feed = std::get_if<Feed>(&action)) return std::move(*feed);
  if (auto* later = std::get_if<Later>(&action)) {
    return LaterReply([begin = std::move(*later), error_body](auto done) mutable {
      begin([done = std::move(done), error_body](Parsed<Reply> reply) mutable {
        done(reply ? *std::move(reply) : error_reply(reply.error(), error_body(reply.error())));
      });
    });
  }
  return Job([work = std::get<Work>(std::move(action)), error_body]() mutable {
    auto reply = work();
    return reply ? *std::move(reply) : error_reply(reply.error(), error_body(reply.error()));
  });
}

}  // namespace

std::vector<std::string> known_routes() {
  std::vector<std::string> all;
  for (const Surface& surface : surfaces()) {
    for (const Route& route : surface.routes) all.push_back(std::format("{} {}", route.method, route.path));
  }
  return all;
}

Reply error_reply(const ApiError& error, std::string body) {
  Reply reply{.status = error.status, .body = std::move(body)};
  if (error.status == 401) reply.fields.emplace_back("WWW-Authenticate", "Bearer");
  if (error.status == 415) reply.fields.emplace_back("Accept-Encoding", "gzip, deflate");
  if (const auto after = retry_after_s(error)) reply.fields.emplace_back("Retry-After", std::to_string(*after));
  return reply;
}

Reply error_reply(const ApiError& error) { return error_reply(error, to_json(error)); }

RoutedRequest route(const RequestView& request, const ServerOptions& options, Door& door, node::Service& service,
                    AnswerStore& answers, uint64_t seed) {
  const Target target = split_target(request.target);
  const Found found = find_route(target.path, request.method);
  const auto refuse = [&](const ApiError& error) {
    return RoutedRequest{.to = error_reply(error, found.surface->error(error))};
  };
  if (!may_use(request.origin, request.host, options, service)) return refuse(foreign_origin(request.origin));
  if (request.method == "OPTIONS" && (target.path == "*" || !found.methods.empty())) {
    return {.to = preflight(request)};
  }
  if (found.methods.empty()) return refuse(unknown_path(target.path));
  if (!found.route) {
    const ApiError error{.status = 405,
                         .message = std::format("{} takes {} alone", target.path, found.methods),
                         .code = "method_not_allowed"};
    Reply reply = error_reply(error, found.surface->error(error));
    reply.fields.emplace_back("Allow", found.methods + ", OPTIONS");
    return {.to = std::move(reply)};
  }
  Principal by;
  if (found.route->needs_key) {
    auto admitted = door.admit(request, found.route->scope, std::chrono::steady_clock::now());
    if (!admitted) {
      RoutedRequest refused = refuse(admitted.error());
      refused.note = audit_note(admitted.error());
      return refused;
    }
    by = *std::move(admitted);
    if (const auto offered = check_role(service.role(), *found.route); !offered) {
      RoutedRequest refused = refuse(offered.error());
      refused.note = audit_note(offered.error());
      return refused;
    }
  }
  std::string storage;
  const auto body = decoded_body(request.body, request.content_encoding, options.body_bytes_max, storage);
  if (!body) return refuse(body.error());
  const std::string_view path = found.route->path;
  const Exchange exchange{
      .body = *body,
      .query = target.query,
      .rest = path.ends_with('/') && target.path.size() > path.size() ? percent_decoded(target.path.substr(path.size()))
                                                                      : std::string(),
      .limits = {.json = {.depth_max = options.json_depth_max, .values_max = options.json_values_max},
                 .answers_max = options.answers_max,
                 .truncate = options.truncate,
                 .sampling = &options.model_sampling},
      .service = service,
      .answers = answers,
      .seed = seed,
      .request = request,
      .by = by};
  AuditNote note = audit_note(*found.route, target.path, *body);
  auto routed = run(found, exchange);
  if (routed) return {.to = *std::move(routed), .by = std::move(by), .note = std::move(note)};
  RoutedRequest failed = refuse(routed.error());
  failed.by = std::move(by);
  failed.note = std::move(note);
  return failed;
}

}  // namespace exogpu::api
