// exogpu role, exogpu roles: say what a node of the cluster may do.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/output.h"
#include "cli/role_commands.h"
#include "wire/role.h"

namespace exogpu::cli {
namespace {

struct RoleOptions {
  ApiOptions api;
  std::string node, role;
  bool yes = false;
};

Result<void> give_role(const RoleOptions& options) {
  EXO_TRY(const wire::Role role, wire::parse_role(options.role));
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_CHECK(post_json(at, "/v1/cluster/role", {{"node", options.node}, {"role", to_string(role)}}));
  println_out("The node {} is {} now.", printable(options.node), to_string(role));
  if (role != wire::Role::owner) return {};
  println_err("It gets the authority's key from this one, when the two are connected.");
  return {};
}

Result<void> upgrade_roles(const RoleOptions& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  if (!options.yes) {
    println_err(
        "The node that is asked becomes the owner of the cluster, the others become members: they go on computing and "
        "answering, and delete their copies of the authority's key. From then on the owner alone lets devices in, "
        "removes them and gives them roles. A device that kept a copy of the key on another disk keeps it: only a new "
        "cluster is free of that. Keep the owner's recovery phrase (`exogpu recovery`): without it and without an "
        "owner "
        "nobody can do any of this.");
    print_out("Go on? [y/N] ");
    EXO_CHECK(flush_out());
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "y" && answer != "yes") return fail(ErrorCode::cancelled, "stopped; nothing was changed");
  }
  EXO_CHECK(post_json(at, "/v1/cluster/roles", nlohmann::ordered_json::object()));
  println_out("The cluster has roles now; `exogpu status` shows them, `exogpu role NODE ROLE` changes them.");
  return {};
}

}  // namespace

void add_role(CLI::App& app, Action& action) {
  auto options = std::make_shared<RoleOptions>();
  auto* command = app.add_subcommand("role", "Say what a node of the cluster may do");
  command->add_option("node", options->node, "The node's name or id, as `exogpu status` shows it")
      ->required()
      ->type_name("NODE");
  command->add_option("role", options->role, "owner, member, worker or guest")->required()->type_name("ROLE");
  command->footer(
      "owner: lets devices in, removes them and gives them roles, and may do what a member may. member: asks and\n"
      "computes. worker: computes only. guest: asks only. An owner is to be asked (--host), and one always remains.");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return give_role(*options); }; });
}

void add_roles(CLI::App& app, Action& action) {
  auto options = std::make_shared<RoleOptions>();
  auto* command = app.add_subcommand("roles", "Give a cluster of an older version roles");
  auto* upgrade = command->add_subcommand("upgrade", "The node that is asked becomes the owner, the others members");
  command->require_subcommand(1);
  upgrade->add_flag("--yes", options->yes, "Do not ask");
  add_api_options(*upgrade, options->api);
  upgrade->callback([options, &action] { action = [options] { return upgrade_roles(*options); }; });
}

}  // namespace exogpu::cli
