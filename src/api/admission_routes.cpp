#include "api/admission_routes.h"

#include <utility>

#include "api/json/json_body.h"
#include "base/host_port.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

Parsed<void> check_rights(const Exchange& exchange) {
  if (exchange.by.authenticated || exchange.request.from_this_machine) return {};
  return std::unexpected(ApiError{.status = 403,
                                  .message = "devices are let in from the node's own machine only, since no API key is "
                                             "needed here; do it there, or restart it with `exogpu serve --api-key`",
                                  .type = "permission_error",
                                  .code = "permission_denied"});
}

Later admit(const Exchange& exchange, node::AdmissionAction action, std::string code) {
  return [&service = exchange.service, action, code = std::move(code)](auto done) mutable {
    const auto reply = std::make_shared<decltype(done)>(std::move(done));
    service.admit({.action = action, .code = std::move(code)}, [reply](const Result<node::AdmissionStatus>& status) {
      if (!status) return (*reply)(std::unexpected(to_api_error(status.error())));
      (*reply)(Reply{.body = dump({{"code", status->code},
                                   {"state", to_string(status->state)},
                                   {"newcomer", status->newcomer.empty() ? json(nullptr) : json(status->newcomer)}})});
    });
  };
}

Parsed<Action> begin(const Exchange& exchange) {
  EXO_CHECK(check_rights(exchange));
  if (exchange.body.empty()) return admit(exchange, node::AdmissionAction::show, {});
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(const auto code, Fields(body).text("code"));
  return code ? admit(exchange, node::AdmissionAction::approve, *code)
              : admit(exchange, node::AdmissionAction::show, {});
}

Parsed<Action> look(const Exchange& exchange) {
  EXO_CHECK(check_rights(exchange));
  return admit(exchange, node::AdmissionAction::look, exchange.rest);
}

Parsed<Action> withdraw(const Exchange& exchange) {
  EXO_CHECK(check_rights(exchange));
  return admit(exchange, node::AdmissionAction::withdraw, exchange.rest);
}

std::string_view word_for(node::Level level) {
  switch (level) {
    case node::Level::ok: return "ok";
    case node::Level::note: return "note";
    case node::Level::problem: return "problem";
  }
  return "note";
}

Parsed<Action> doctor(const Exchange& exchange) {
  EXO_CHECK(check_rights(exchange));
  return Later([&service = exchange.service](auto done) {
    const auto reply = std::make_shared<decltype(done)>(std::move(done));
    service.examine([reply](const Result<std::vector<node::Finding>>& findings) {
      if (!findings) return (*reply)(std::unexpected(to_api_error(findings.error())));
      json list = json::array();
      for (const node::Finding& each : *findings) {
        list.push_back({{"level", word_for(each.level)},
                        {"check", each.check},
                        {"what", each.what},
                        {"remedy", each.remedy.empty() ? json(nullptr) : json(each.remedy)}});
      }
      (*reply)(Reply{.body = dump({{"findings", std::move(list)}})});
    });
  });
}

constexpr uint16_t kLinkPort = 7766;  // where nodes listen, unless they were told otherwise

// {"address": "desk:7766"}
Parsed<Action> connect(const Exchange& exchange) {
  EXO_CHECK(check_rights(exchange));
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(const auto address, Fields(body).text("address"));
  if (!address) return bad_field("address", "missing_required_parameter", "is missing; give HOST or HOST:PORT");
  const auto at = parse_host_port(*address, kLinkPort, "an address");
  if (!at) return bad_field("address", "invalid_value", "{}", at.error().message);
  if (at->host.empty()) return bad_field("address", "invalid_value", "names no host; give HOST or HOST:PORT");
  return Later([&service = exchange.service, at = *at](auto done) {
    const auto reply = std::make_shared<decltype(done)>(std::move(done));
    service.connect(at.host, at.port, [reply](const Result<void>& connected) {
      if (connected) return (*reply)(Reply{.body = R"({"status":"ok"})"});
      ApiError error = to_api_error(connected.error());
      error.param = "address";
      (*reply)(std::unexpected(std::move(error)));
    });
  });
}

constexpr Route kAdmissionRoutes[] = {
    {.path = "/v1/cluster/pairing", .method = "POST", .handle = begin},
    {.path = "/v1/cluster/pairing/", .method = "GET", .handle = look},
    {.path = "/v1/cluster/pairing/", .method = "DELETE", .handle = withdraw},
    {.path = "/v1/cluster/connect", .method = "POST", .handle = connect},
    {.path = "/v1/cluster/doctor", .method = "GET", .handle = doctor},
};

}  // namespace

Surface admission_surface() { return {.error = to_json, .routes = kAdmissionRoutes}; }

}  // namespace exogpu::api
