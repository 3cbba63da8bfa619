// exogpu approve: lets the device in that shows this code.
#include <chrono>
#include <memory>

#include "cli/admission.h"
#include "cli/command.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

// A device that looks for this one finds it within a few seconds, or never.
constexpr std::chrono::seconds kPatience{60};

struct Options {
  StateOptions identity;
  std::string code, role;
};

Result<void> approve(const Options& options) {
  const Interruption interruption;
  EXO_TRY(const security::PairingCode code, security::PairingCode::parse(options.code));
  EXO_TRY(const std::filesystem::path state, admitting_state(options.identity));
  EXO_TRY(const auto role, asked_role(options.role));
  const security::PairingStore store(state);
  EXO_CHECK(store.approve(code, std::chrono::system_clock::now(), role));
  println_err("Waiting for the device that shows {}    (Ctrl-C ends this)", code.text());
  EXO_TRY(const WatchOutcome end, watch(store, code, interruption, kPatience));
  switch (end) {
    case WatchOutcome::paired: {
      EXO_TRY(const std::string text, admitted_text(store, code));
      println_out("{}", text);
      return {};
    }
    case WatchOutcome::wrong:
      return fail(ErrorCode::unauthenticated,
                  "a device with another code came: the code was mistyped, another device asks to be let in, too (one "
                  "after the other, please), or somebody interferes. Nobody was let in; run `exogpu approve CODE` with "
                  "the code that the device shows now");
    case WatchOutcome::interrupted: return fail(ErrorCode::cancelled, "stopped; nobody was let in");
    case WatchOutcome::replaced:
      return fail(ErrorCode::failed_precondition,
                  "another `exogpu pair` or `exogpu approve` on this device took this code's place; nobody was let in "
                  "by it");
    case WatchOutcome::expired:
    case WatchOutcome::timed_out: break;
  }
  return fail(
      ErrorCode::deadline_exceeded,
      "no device that shows {} came within {} s. Is `exogpu join` still running there, and on the same network? "
      "Where it does not find this device by itself, run there: exogpu join --node HOST[:PORT], with this "
      "device's address; `exogpu doctor` on both tells more",
      code.text(), kPatience.count());
}

}  // namespace

void add_approve(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("approve", "Let a device join that shows this code (exogpu join)");
  command->add_option("code", options->code, "The six digits that the device shows")->type_name("CODE")->required();
  add_state_options(*command, options->identity);
  add_role_option(*command, options->role);
  command->callback([options, &action] { action = [options] { return approve(*options); }; });
}

}  // namespace exogpu::cli
