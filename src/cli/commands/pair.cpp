// exogpu pair: shows a code with which another device can join.
#include <chrono>
#include <memory>

#include "cli/admission.h"
#include "cli/command.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct Options {
  StateOptions identity;
  std::string role;
};

Result<void> pair(const Options& options) {
  const Interruption interruption;
  EXO_TRY(const std::filesystem::path state, admitting_state(options.identity));
  EXO_TRY(const auto role, asked_role(options.role));
  const security::PairingStore store(state);
  while (true) {
    EXO_TRY(const security::PairingCode code, store.show(std::chrono::system_clock::now(), role));
    println_out("Code: {}", code.text());
    EXO_CHECK(flush_out());
    println_err("On the other device: exogpu join {}    (Ctrl-C ends this; the code holds for {} minutes)",
                code.digits(), security::kPairingLifetime.count() / 60);
    EXO_TRY(const WatchOutcome end, watch(store, code, interruption));
    switch (end) {
      case WatchOutcome::paired: {
        EXO_TRY(const std::string text, admitted_text(store, code));
        println_out("{}", text);
        return {};
      }
      case WatchOutcome::interrupted:
      case WatchOutcome::timed_out: return {};
      case WatchOutcome::replaced:
        return fail(ErrorCode::failed_precondition,
                    "another `exogpu pair` or `exogpu approve` on this device took this code's place");
      case WatchOutcome::wrong:
        println_err("A wrong code was typed, or somebody interfered. That code is used up; the next:");
        break;
      case WatchOutcome::expired: println_err("The code has expired; the next:"); break;
    }
  }
}

}  // namespace

void add_pair(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("pair", "Show a code with which another device can join");
  command->footer("The other way round, the new device shows the code: exogpu join there, exogpu approve CODE here.");
  add_state_options(*command, options->identity);
  add_role_option(*command, options->role);
  command->callback([options, &action] { action = [options] { return pair(*options); }; });
}

}  // namespace exogpu::cli
