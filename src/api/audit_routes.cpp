#include "api/audit_routes.h"

#include <nlohmann/json.hpp>

#include "api/surface/query_number.h"

namespace exogpu::api {
namespace {

constexpr uint64_t kEntriesMax = 1000;
constexpr uint64_t kEntriesShown = 100;

Parsed<node::Audit*> audit_of(const Exchange& exchange) {
  if (node::Audit* audit = exchange.service.audit()) return audit;
  return std::unexpected(ApiError{.status = 503, .message = "this node keeps no audit", .code = "unavailable"});
}

// The lines are JSON of this node's own; one that is none, since somebody changed it, becomes a text.
std::string entries_of(const std::vector<std::string>& lines) {
  std::string body = R"({"entries":[)";
  for (const std::string& line : lines) {
    if (body.back() != '[') body += ',';
    body += nlohmann::json::accept(line)
                ? line
                : nlohmann::json(line).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return body + "]}";
}

// ?from=NUMBER: from this entry on; without it the last ones. &limit=NUMBER: at most so many.
Parsed<Action> entries(const Exchange& exchange) {
  EXO_TRY(const auto from, query_number<uint64_t>(exchange.query, "from", 1, INT64_MAX));
  EXO_TRY(const auto limit, query_number<uint64_t>(exchange.query, "limit", 1, kEntriesMax));
  EXO_TRY(node::Audit * audit, audit_of(exchange));
  return Work([audit, from, limit]() -> Parsed<Reply> {
    const auto lines = audit->lines(from, limit.value_or(kEntriesShown));
    if (!lines) return std::unexpected(to_api_error(lines.error()));
    return Reply{.body = entries_of(*lines), .fields = {{"Cache-Control", "no-store"}}};
  });
}

Parsed<Action> verify(const Exchange& exchange) {
  EXO_TRY(node::Audit * audit, audit_of(exchange));
  return Work([audit]() -> Parsed<Reply> {
    const auto report = audit->verify();
    if (!report) return std::unexpected(to_api_error(report.error()));
    nlohmann::ordered_json problems = nlohmann::ordered_json::array();
    for (const auto& problem : report->problems) {
      problems.push_back({{"entry", problem.entry}, {"what", problem.what}});
    }
    return Reply{.body = dump({{"node", report->node.text()},
                               {"first", report->first},
                               {"last", report->last},
                               {"witnessed", report->witnessed},
                               {"problems", std::move(problems)}})};
  });
}

constexpr Route kAuditRoutes[] = {
    {.path = "/v1/audit", .method = "GET", .handle = entries},
    {.path = "/v1/audit/verify", .method = "GET", .handle = verify},
};

}  // namespace

Surface audit_surface() { return {.error = to_json, .routes = kAuditRoutes}; }

}  // namespace exogpu::api
