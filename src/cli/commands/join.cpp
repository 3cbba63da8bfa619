// exogpu join: makes this device a member of a cluster, by a code that a member shows, or that this device shows.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/host_port.h"
#include "cli/command.h"
#include "cli/folders.h"
#include "cli/interruption.h"
#include "cli/log_options.h"
#include "cli/output.h"
#include "cli/state_options.h"
#include "node/join_by_approval.h"
#include "node/join_by_code.h"
#include "security/files.h"
#include "security/pairing/store.h"

namespace exogpu::cli {
namespace {

constexpr uint16_t kLinkPort = 7766;

struct Options {
  StateOptions identity;
  std::string code, node;
  LogOptions log;
};

void show(const security::PairingCode& code) {
  println_out("Code: {}", code.text());
  (void)flush_out();  // the wait below reports a failure
  println_err("On any device of the cluster: exogpu approve {}    (Ctrl-C cancels; the code is valid for {} minutes)",
              code.digits(), security::kPairingLifetime.count() / 60);
}

// Where the new identity goes.
struct Target {
  std::filesystem::path state;
  std::shared_ptr<const security::KeyPassphrase> key_passphrase;
};

Result<std::string> join_by_approval(const Target& to, const std::optional<node::Address>& at) {
  const Interruption interruption;
  println_err("To type a code that another device shows (exogpu pair): exogpu join CODE");
  return node::join_by_approval(
      {.state = to.state,
       .key_passphrase = to.key_passphrase,
       .at = at,
       .show = show,
       .show_text = [](const std::string& text) { println_err("{}", text); },
       .stop = [&] { return interruption.within(std::chrono::milliseconds(0)) || !flush_out(); }});
}

Result<std::string> join_by_code(const std::string& typed, const Target& to, const std::optional<node::Address>& at) {
  EXO_TRY(const security::PairingCode code, security::PairingCode::parse(typed));
  return node::join_by_code(code, {.state = to.state, .key_passphrase = to.key_passphrase, .at = at});
}

// Before a code is shown that could not be used. A damaged identity is no obstacle: joining replaces it.
Result<void> check_writable(const Target& to) {
  const std::filesystem::path& state = to.state;
  EXO_CHECK(security::make_private_directory(state));
  const auto known = security::IdentityStore(state, to.key_passphrase).load();
  const bool locked = !known && (known.error().code == ErrorCode::permission_denied ||
                                 known.error().code == ErrorCode::unauthenticated);
  if (locked) return std::unexpected(known.error());
  if (access(state.c_str(), W_OK) == 0) return {};
  return fail(ErrorCode::permission_denied, "{}: cannot be written ({}); name another state folder with --state DIR",
              state.string(), std::strerror(errno));
}

Result<void> join(const Options& options) {
  EXO_CHECK(start_log(options.log, log::Level::warning));
  Target to;
  EXO_TRY(to.state, state_folder(options.identity.state));
  EXO_TRY(to.key_passphrase, key_passphrase(options.identity));
  EXO_CHECK(check_writable(to));
  std::optional<node::Address> at;
  if (!options.node.empty()) {
    EXO_TRY(const HostPort parsed, parse_host_port(options.node, kLinkPort, "--node"));
    at = node::Address{.host = parsed.host, .port = parsed.port};
  }
  EXO_TRY(const std::string name, options.code.empty() ? join_by_approval(to, at) : join_by_code(options.code, to, at));
  println_out("This device is now a member of the cluster of {}. Start its node: exogpu serve", name);
  return {};
}

}  // namespace

void add_join(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("join", "Make this device a member of a cluster, with a code");
  command->footer(
      "Examples:\n"
      "  exogpu join               shows a code; on any device of the cluster: exogpu approve CODE\n"
      "  exogpu join 123456        uses the code that a device of the cluster shows (exogpu pair)");
  command
      ->add_option("code", options->code,
                   "The six digits that another device shows; if left out, this device shows a code")
      ->type_name("CODE");
  command->add_option("--node", options->node, "A device of the cluster, if this one does not find it on the network")
      ->type_name("HOST[:PORT]");
  add_state_options(*command, options->identity);
  add_log_options(*command, options->log, log::Level::warning);
  command->callback([options, &action] { action = [options] { return join(*options); }; });
}

}  // namespace exogpu::cli
