// exogpu rename: gives a node of the cluster another name.
#include <memory>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct RenameOptions {
  ApiOptions api;
  std::string node, name;
};

Result<void> rename_node(const RenameOptions& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_CHECK(post_json(at, "/v1/cluster/rename", {{"node", options.node}, {"name", options.name}}));
  println_out("The node {} is called {} from now on.", printable(options.node), printable(options.name));
  return {};
}

}  // namespace

void add_rename(CLI::App& app, Action& action) {
  auto options = std::make_shared<RenameOptions>();
  auto* command = app.add_subcommand("rename", "Give a node another name");
  command->add_option("node", options->node, "The node's name or id, as `exogpu status` shows it")
      ->required()
      ->type_name("NODE");
  command->add_option("name", options->name, "Its new name")->required()->type_name("NAME");
  command->footer(
      "The node keeps the name when it starts again, until `exogpu serve --name` gives it another. Layers and devices\n"
      "that were given by hand (--layers, --without) name nodes as they were called: load such models again.");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return rename_node(*options); }; });
}

}  // namespace exogpu::cli
