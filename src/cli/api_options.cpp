#include "cli/api_options.h"

#include <nlohmann/json.hpp>

#include "api/json/json_body.h"
#include "base/host_port.h"

namespace exogpu::cli {

void add_api_options(CLI::App& command, ApiOptions& options) {
  command.add_option("--api", options.at, "The API address of any node of the cluster")
      ->type_name("HOST[:PORT]")
      ->capture_default_str();
  command.add_option("--api-key", options.key, "The key of this API");
}

Result<api::ApiAddress> api_address(const ApiOptions& options) {
  constexpr uint16_t port = 8080;
  EXO_TRY(const HostPort at, parse_host_port(options.at, port, "--api"));
  return api::ApiAddress{.host = at.host.empty() ? "127.0.0.1" : at.host, .port = at.port, .key = options.key};
}

Result<std::string> body_of(Result<api::ServerReply> reply) {
  if (!reply) {
    return fail(reply.error().code,
                "{}; is a node running there? Start one with `exogpu serve`, or name another with --api HOST:PORT",
                reply.error().message);
  }
  if (reply->status != 200) return fail(ErrorCode::unavailable, "{}", api::error_message(*reply));
  return std::move(reply->body);
}

Result<std::string> post_json(const api::ApiAddress& at, const std::string& path, const nlohmann::ordered_json& body,
                              std::chrono::milliseconds within) {
  return body_of(api::post(at, path, api::dump(body), within));
}

}  // namespace exogpu::cli
