// exogpu remove: throws a device out of the cluster.
#include <memory>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct RemoveOptions {
  ApiOptions api;
  std::string node;
};

Result<void> remove_node(const RemoveOptions& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  const nlohmann::ordered_json body{{"node", options.node}};
  EXO_CHECK(post_json(at, "/v1/cluster/remove", body));
  println_out("The node {} is removed: the cluster's nodes have nothing to do with it any more.",
              printable(options.node));
  println_err(
      "If it was an owner, or the cluster has no roles, it has had the authority's key: when it is in hostile hands, "
      "create the cluster again. docs/security.md says why and how.");
  return {};
}

}  // namespace

void add_remove(CLI::App& app, Action& action) {
  auto options = std::make_shared<RemoveOptions>();
  auto* command = app.add_subcommand("remove", "Throw a device out of the cluster, for good");
  command->add_option("node", options->node, "The node's name or id, as `exogpu status` shows it")
      ->required()
      ->type_name("NODE");
  command->footer(
      "In force within a second at all nodes that can be reached, and at the others when they come back. The device "
      "can\n"
      "only join again as a new one, by a code or a token.");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return remove_node(*options); }; });
}

}  // namespace exogpu::cli
