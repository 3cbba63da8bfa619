// exogpu pair: shows a code with which another device can join.
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <print>

#include "cli/command.h"
#include "cli/folders.h"
#include "node/nearby.h"
#include "security/files.h"
#include "security/identity_store.h"
#include "security/pairing/store.h"

namespace exogpu::cli {
namespace {

using security::PairingOutcome;

struct Options {
  std::string state;
};

// Whether it is to end: Ctrl-C or the like within a moment.
bool told_to_stop(const sigset_t& signals) {
  const timespec moment{.tv_sec = 0, .tv_nsec = 100'000'000};
  return sigtimedwait(&signals, nullptr, &moment) > 0;
}

// Waits for what becomes of a code.
Result<PairingOutcome> watch(const security::PairingStore& store, const security::PairingCode& code,
                             const sigset_t& signals) {
  while (true) {
    EXO_TRY(const PairingOutcome outcome, store.outcome(code, std::chrono::system_clock::now()));
    if (outcome != PairingOutcome::shown) return outcome;
    if (told_to_stop(signals)) {
      EXO_CHECK(store.withdraw(code));
      return PairingOutcome::withdrawn;
    }
  }
}

// One that an older exogpu let in cannot, and says which can.
Result<void> can_let_in(const std::filesystem::path& state) {
  const security::IdentityStore store(state);
  EXO_TRY(const auto identity, store.load());
  if (!identity) {
    return fail(ErrorCode::failed_precondition,
                "this device belongs to no cluster yet: start `exogpu serve MODEL` here to found one, or run `exogpu "
                "pair` on a device of the cluster and `exogpu join` here");
  }
  const auto authority = store.authority();
  if (authority) return {};
  if (authority.error().code != ErrorCode::failed_precondition) return std::unexpected(authority.error());
  const auto others = node::who_lets_in(identity->cluster());
  return fail(ErrorCode::failed_precondition,
              "an older exogpu let this device in, which cannot let others in: run `exogpu pair` {}",
              others.empty() ? "on the one that founded the cluster; none that can is seen on this network now"
                             : "on " + node::names_of(others));
}

Result<void> pair(const Options& options) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  EXO_TRY(const std::filesystem::path state, state_folder(options.state));
  EXO_CHECK(can_let_in(state));
  if (!security::FileLock::held(state / "node.lock")) {
    return fail(
        ErrorCode::failed_precondition,
        "{}: no node runs with this state; start `exogpu serve MODEL` on this device first, and leave it running",
        state.string());
  }
  const security::PairingStore store(state);
  while (true) {
    EXO_TRY(const security::PairingCode code, store.show(std::chrono::system_clock::now()));
    std::println("Code: {}", code.text());
    std::fflush(stdout);
    std::println(stderr, "On the other device: exogpu join {}    (Ctrl-C ends this; the code holds for {} minutes)",
                 code.digits(), security::kPairingLifetime.count() / 60);
    EXO_TRY(const PairingOutcome outcome, watch(store, code, signals));
    if (outcome == PairingOutcome::paired) {
      std::println("The other device is part of this cluster now.");
      return {};
    }
    if (outcome == PairingOutcome::withdrawn) return {};
    std::println(stderr, "{}",
                 outcome == PairingOutcome::wrong
                     ? "A wrong code was typed, or somebody interfered. That code is used up; the next:"
                     : "The code has expired; the next:");
  }
}

}  // namespace

void add_pair(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("pair", "Shows a code that is typed on another device to let it join");
  command->add_option("--state", options->state, "Folder of this node's identity")->type_name("DIR");
  command->callback([options, &action] { action = [options] { return pair(*options); }; });
}

}  // namespace exogpu::cli
