// exogpu unload: the cluster no longer serves a model.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct Options {
  ApiOptions api;
  std::string model;
};

Result<void> unload(const Options& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  const nlohmann::ordered_json body{{"model", options.model}};
  EXO_CHECK(post_json(at, "/v1/models/unload", body));
  println_out("{} is no longer served; its memory is free once the answers that it is writing have ended.",
              options.model);
  return {};
}

}  // namespace

void add_unload(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("unload", "Serve a model no longer, and free its memory on all nodes");
  command->add_option("model", options->model, "The model's name, as `exogpu status` shows it")
      ->required()
      ->type_name("MODEL");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return unload(*options); }; });
}

}  // namespace exogpu::cli
