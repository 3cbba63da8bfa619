// exogpu drain: moves a node's work to other nodes, or lets plans use the node again.
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
  const nlohmann::ordered_json body{{"node", options.node}, {"draining", !options.undo}};
  EXO_CHECK(post_json(at, "/v1/cluster/drain", body));
  if (options.undo) {
    println_out("{} may be used again.", options.node);
  } else {
    println_out(
        "The work of {} moves to other nodes as far as they have memory; `exogpu status` shows when it has moved.",
        options.node);
  }
  return {};
}

}  // namespace

void add_drain(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("drain", "Move a node's work to other nodes before you switch it off");
  command->add_option("node", options->node, "The node's name, as `exogpu status` shows it")
      ->required()
      ->type_name("NODE");
  command->add_flag("--undo", options->undo, "Use the node again");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return drain(*options); }; });
}

}  // namespace exogpu::cli
