// exogpu recovery, exogpu recover: the way back when all owners of a cluster are lost.
#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include "cli/folders.h"
#include "cli/output.h"
#include "cli/role_commands.h"
#include "cli/state_options.h"
#include "node/roles.h"
#include "security/files.h"
#include "security/recovery.h"

namespace exogpu::cli {
namespace {

Result<void> show_phrase(const StateOptions& options) {
  EXO_TRY(const security::IdentityStore store, identity_store(options));
  EXO_TRY(const security::Authority authority, store.authority());
  EXO_TRY(const std::string phrase, security::recovery_phrase(authority.key()));
  println_out("{}", phrase);
  println_err(
      "Write it down and keep it apart from the devices. `exogpu recover` makes any member an owner with it; who knows "
      "it can let devices into the cluster.");
  return {};
}

Result<std::string> read_phrase() {
  println_err("The recovery phrase of this device's cluster (14 groups of 4 characters):");
  std::string phrase;
  if (std::getline(std::cin, phrase)) return phrase;
  return fail(ErrorCode::invalid_argument, "no phrase was given; it is read from the standard input");
}

Result<void> recover(const StateOptions& options) {
  EXO_TRY(const std::filesystem::path state, state_folder(options.state));
  EXO_TRY(const security::IdentityStore store, identity_store(options));
  EXO_TRY(const auto identity, store.load());
  if (!identity) {
    return fail(ErrorCode::failed_precondition,
                "{}: this device belongs to no cluster; recover on one that does, and let this one join then",
                state.string());
  }
  if (security::FileLock::held(state / "node.lock")) {
    return fail(ErrorCode::failed_precondition, "a node runs with {}; stop it first, and start it again afterwards",
                state.string());
  }
  EXO_TRY(const std::string phrase, read_phrase());
  EXO_TRY(const security::PrivateKey key, security::recover_key(phrase));
  if (const auto kept = store.keep_authority(key); !kept) {
    return fail(kept.error().code, "the phrase is of another cluster than {}: {}", identity->cluster().short_text(),
                kept.error().message);
  }
  EXO_TRY(const security::Authority authority, store.authority());
  EXO_TRY(security::Certificate certificate,
          security::Certificate::from_der(identity->authority().to_der(), "the authority's certificate"));
  EXO_TRY(const auto roles, node::Roles::open(store.roles_file(), std::move(certificate)));
  if (roles->in_use()) {
    EXO_TRY(const auto record, roles->set(identity->node(), wire::Role::owner, identity->node(), authority,
                                          std::chrono::system_clock::now()));
  }
  println_out("This device is an owner of the cluster {} now. Start its node again.", identity->cluster().short_text());
  return {};
}

}  // namespace

void add_recovery(CLI::App& app, Action& action) {
  auto options = std::make_shared<StateOptions>();
  auto* command =
      app.add_subcommand("recovery", "Show the phrase with which a member becomes an owner if all are lost");
  add_state_options(*command, *options);
  command->callback([options, &action] { action = [options] { return show_phrase(*options); }; });
}

void add_recover(CLI::App& app, Action& action) {
  auto options = std::make_shared<StateOptions>();
  auto* command = app.add_subcommand("recover", "Make this device an owner of its cluster, by the recovery phrase");
  add_state_options(*command, *options);
  command->footer("Reads the phrase from the standard input, so that it is in no list of commands or processes.");
  command->callback([options, &action] { action = [options] { return recover(*options); }; });
}

}  // namespace exogpu::cli
