// exogpu ps: shows the models that are loaded.
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/models/cluster_report.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

Result<void> show(const ApiOptions& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options));
  EXO_TRY(const std::string body, body_of(api::get(at, "/v1/cluster", std::chrono::seconds(5))));
  const auto cluster = nlohmann::json::parse(body, nullptr, false);
  if (!cluster.is_object()) return fail(ErrorCode::corrupt, "the API sent a cluster that is no JSON");
  write_out(loaded_models_table(cluster, std::chrono::system_clock::now()));
  return {};
}

}  // namespace

void add_ps(CLI::App& app, Action& action) {
  auto options = std::make_shared<ApiOptions>();
  auto* command = app.add_subcommand("ps", "Show which models are loaded, where, how fast, and when they were used");
  add_api_options(*command, *options);
  command->callback([options, &action] { action = [options] { return show(*options); }; });
}

}  // namespace exogpu::cli
