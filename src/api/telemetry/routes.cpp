#include "api/telemetry/routes.h"

#include <chrono>
#include <format>
#include <utility>

#include "api/metrics/metrics_text.h"
#include "api/surface/query_number.h"
#include "api/telemetry/recent_json.h"
#include "api/telemetry/telemetry_json.h"
#include "node/link_history.h"

namespace exogpu::api {
namespace {

constexpr double kFineSecondsMax = 600, kCoarseSecondsMax = 86'400;
constexpr std::chrono::milliseconds kStreamEvery{500};

struct Query {
  telemetry::HistoryQuery history{};
  double memory_bytes = 0;  // of the ranking
};

// "history_s=120&step_s=10&memory_bytes=4e9"
Parsed<Query> read_query(std::string_view text) {
  Query query;
  EXO_TRY(const auto step, query_number<double>(text, "step_s", 0, 10));
  if (step && *step != 0.5 && *step != 10) return bad_field("step_s", "invalid_value", "must be 0.5 or 10");
  query.history.coarse = step == 10.0;
  EXO_TRY(const auto seconds,
          query_number<double>(text, "history_s", 0, query.history.coarse ? kCoarseSecondsMax : kFineSecondsMax));
  query.history.values = static_cast<size_t>(seconds.value_or(0) / (query.history.coarse ? 10 : 0.5));
  EXO_TRY(const auto memory, query_number<double>(text, "memory_bytes", 0, 1e18));
  query.memory_bytes = memory.value_or(0);
  return query;
}

Parsed<Action> telemetry_now(const Exchange& exchange) {
  EXO_TRY(const Query query, read_query(exchange.query));
  return Reply{.body = telemetry_json(exchange.service.telemetry(query.history), query.memory_bytes)};
}

std::string event_of(std::string_view name, const std::string& data) {
  return std::format("event: {}\ndata: {}\n\n", name, data);
}

// The first event has the history that was asked for, those that follow what is now; alerts come when they change.
Parsed<Action> telemetry_stream(const Exchange& exchange) {
  EXO_TRY(Query query, read_query(exchange.query));
  return Feed{.next =
                  [&service = exchange.service, query, alerts = std::string()]() mutable {
                    std::string out =
                        event_of("telemetry", telemetry_json(service.telemetry(query.history), query.memory_bytes));
                    query.history.values = 0;
                    std::string found = alerts_json(service.alerts());
                    if (found != alerts) out += event_of("alerts", found);
                    alerts = std::move(found);
                    return out;
                  },
              .every = kStreamEvery};
}

Parsed<Action> alerts_now(const Exchange& exchange) { return Reply{.body = alerts_json(exchange.service.alerts())}; }

// "after=17"
Parsed<Action> events_now(const Exchange& exchange) {
  EXO_TRY(const auto after, query_number<double>(exchange.query, "after", 0, 1e15));
  return Reply{.body = events_json(exchange.service.events(static_cast<uint64_t>(after.value_or(0))))};
}

Parsed<Action> requests_now(const Exchange& exchange) {
  return Reply{.body = requests_json(exchange.service.recent_requests())};
}

// "history_s=3600"
Parsed<Action> links_past(const Exchange& exchange) {
  EXO_TRY(const auto seconds, query_number<double>(exchange.query, "history_s", 0, kCoarseSecondsMax));
  const auto values = static_cast<size_t>(seconds.value_or(0)) / node::LinkHistory::kStep.count();
  return Reply{.body = links_json(exchange.service.link_past(values))};
}

Parsed<Action> metrics(const Exchange& exchange) {
  const node::Service& service = exchange.service;
  const auto cluster = service.cluster();
  const std::string text = metrics_text({.cluster = *cluster,
                                         .telemetry = service.telemetry({.all = false}),
                                         .alerts = service.alerts(),
                                         .node = service.metrics()});
  return Reply{.body = text, .type = "text/plain; version=0.0.4; charset=utf-8"};
}

constexpr Route kTelemetryRoutes[] = {
    {.path = "/metrics", .method = "GET", .handle = metrics, .scope = wire::Scope::cluster_read},
    {.path = "/v1/telemetry", .method = "GET", .handle = telemetry_now, .scope = wire::Scope::cluster_read},
    {.path = "/v1/telemetry/stream", .method = "GET", .handle = telemetry_stream, .scope = wire::Scope::cluster_read},
    {.path = "/v1/telemetry/links", .method = "GET", .handle = links_past, .scope = wire::Scope::cluster_read},
    {.path = "/v1/alerts", .method = "GET", .handle = alerts_now, .scope = wire::Scope::cluster_read},
    {.path = "/v1/events", .method = "GET", .handle = events_now, .scope = wire::Scope::cluster_read},
    {.path = "/v1/requests", .method = "GET", .handle = requests_now, .scope = wire::Scope::cluster_read},
};

}  // namespace

Surface telemetry_surface() { return {.error = to_json, .routes = kTelemetryRoutes}; }

}  // namespace exogpu::api
