// exogpu join: makes this device part of the cluster that shows a code.
#include <iostream>
#include <memory>
#include <print>

#include "cli/address.h"
#include "cli/command.h"
#include "cli/folders.h"
#include "node/join_by_code.h"

namespace exogpu::cli {
namespace {

constexpr uint16_t kLinkPort = 7766;

struct Options {
  std::string code, node, state;
};

Result<void> join(const Options& options) {
  std::string typed = options.code;
  if (typed.empty()) {
    std::print(stderr, "The code that `exogpu pair` shows on the other device: ");
    std::getline(std::cin, typed);
  }
  EXO_TRY(const security::PairingCode code, security::PairingCode::parse(typed));
  node::JoinByCode how;
  EXO_TRY(how.state, state_folder(options.state));
  if (!options.node.empty()) {
    EXO_TRY(const HostPort at, parse_host_port(options.node, kLinkPort, "--node"));
    how.at = node::Address{.host = at.host, .port = at.port};
  }
  EXO_TRY(const std::string name, node::join_by_code(code, how));
  std::println("This device is part of the cluster of {} now. Start it with: exogpu serve", name);
  return {};
}

}  // namespace

void add_join(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("join", "Makes this device part of the cluster that shows a code (exogpu pair)");
  command->add_option("code", options->code, "The six digits; asked for if left out")->type_name("CODE");
  command->add_option("--node", options->node, "The device that shows the code, where the network does not find it")
      ->type_name("HOST[:PORT]");
  command->add_option("--state", options->state, "Folder of this node's identity")->type_name("DIR");
  command->callback([options, &action] { action = [options] { return join(*options); }; });
}

}  // namespace exogpu::cli
