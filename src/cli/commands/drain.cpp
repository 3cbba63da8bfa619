// exogpu drain: takes a device's work away from it, or gives it some again.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct Options {
  ApiOptions api;
  std::string node;
  bool undo = false;
};

Result<void> drain(const Options& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  const nlohmann::json body{{"node", options.node}, {"draining", !options.undo}};
  EXO_CHECK(
      body_of(api::post(at, "/v1/cluster/drain", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                        std::chrono::seconds(5))));
  if (options.undo) {
    println_out("{} may be used again.", options.node);
  } else {
    println_out("The work of {} goes to others, as far as they have room; `exogpu status` shows when it has gone.",
                options.node);
  }
  return {};
}

}  // namespace

void add_drain(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("drain", "Move a node's work to the others before it is switched off");
  command->add_option("node", options->node, "Its name, as `exogpu status` shows it")->required()->type_name("NODE");
  command->add_flag("--undo", options->undo, "Let the node be used again");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return drain(*options); }; });
}

}  // namespace exogpu::cli
