// The options of commands that call a node's API.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "api/ask.h"
#include "base/result.h"

namespace exogpu::cli {

struct ApiOptions {
  std::string at = "127.0.0.1:8080";
  std::string key;
};

void add_api_options(CLI::App& command, ApiOptions& options);
// Errors: invalid_argument.
Result<api::ApiAddress> api_address(const ApiOptions& options);
// The body of a reply. Errors: those of the connection, with a remedy; the API's own errors.
Result<std::string> body_of(Result<api::ServerReply> reply);
// ... to this JSON.
Result<std::string> post_json(const api::ApiAddress& at, const std::string& path, const nlohmann::ordered_json& body,
                              std::chrono::milliseconds within = std::chrono::seconds(5));

}  // namespace exogpu::cli
