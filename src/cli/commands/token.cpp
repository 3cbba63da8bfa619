// exogpu token: makes a join token for other devices.
#include <memory>

#include "cli/admission.h"
#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/folders.h"
#include "cli/output.h"
#include "cli/state_options.h"
#include "security/token_store.h"

namespace exogpu::cli {
namespace {

struct Options {
  StateOptions identity;
  std::string role;
  uint32_t uses = 1;
  double hours = 1;
  bool revoke = false;
};

Result<void> token(const Options& options) {
  EXO_TRY(const std::filesystem::path state, state_folder(options.identity.state));
  const security::TokenStore store(state);
  if (options.revoke) {
    EXO_CHECK(store.revoke_all());
    println_out("All tokens are revoked.");
    return {};
  }
  const auto now = std::chrono::system_clock::now();
  EXO_TRY(const security::IdentityStore identity, identity_store(options.identity));
  EXO_TRY(const security::Identity self, identity.load_or_found(now));
  EXO_CHECK(identity.authority());
  EXO_TRY(const auto role, asked_role(options.role));
  const auto lifetime = std::chrono::seconds(static_cast<int64_t>(options.hours * 3600));
  EXO_TRY(const security::JoinToken token,
          store.issue(self.cluster(), {.lifetime = lifetime, .uses = options.uses, .role = role}, now));
  println_out("{}", token.text());
  println_err("On the other device: exogpu serve --join THIS_MACHINE --token {}", token.text());
  return {};
}

}  // namespace

void add_token(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("token", "Make a token with which another device can join this cluster");
  command->add_option("--uses", options->uses, "The number of devices that may join with it")->capture_default_str();
  command->add_option("--hours", options->hours, "The hours for which it is valid")
      ->check(between(0.001, 8760))
      ->capture_default_str();
  add_state_options(*command, options->identity);
  add_role_option(*command, options->role);
  command->add_flag("--revoke", options->revoke, "Revoke all tokens instead");
  command->callback([options, &action] { action = [options] { return token(*options); }; });
}

}  // namespace exogpu::cli
