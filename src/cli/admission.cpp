#include "cli/admission.h"

#include "cli/folders.h"
#include "node/nearby.h"
#include "security/files.h"

namespace exogpu::cli {
namespace {

using security::PairingOutcome;

constexpr std::chrono::milliseconds kMoment{100};

// Only an owner can; the error names devices that can.
Result<void> can_let_in(const security::IdentityStore& store) {
  EXO_TRY(const auto identity, store.load());
  if (!identity) {
    return fail(ErrorCode::failed_precondition,
                "this device belongs to no cluster yet: start `exogpu serve MODEL` here to found one, or run `exogpu "
                "join` here and `exogpu approve CODE` on a device of the cluster");
  }
  const auto authority = store.authority();
  if (authority) return {};
  if (authority.error().code != ErrorCode::failed_precondition) return std::unexpected(authority.error());
  const auto others = node::admitting_nodes(identity->cluster());
  return fail(ErrorCode::failed_precondition,
              "this device is no owner of its cluster and cannot let others in: run `exogpu pair` {}",
              others.empty() ? "on one that `exogpu status` shows as owner; none is seen on this network now"
                             : "on " + node::names_of(others));
}

// Withdraws the code. A guess that was quicker counts.
Result<WatchOutcome> give_up(const security::PairingStore& store, const security::PairingCode& code, WatchOutcome why) {
  EXO_CHECK(store.withdraw(code));
  EXO_TRY(const PairingOutcome outcome, store.outcome(code, std::chrono::system_clock::now()));
  return outcome == PairingOutcome::paired ? WatchOutcome::paired : why;
}

}  // namespace

Result<std::filesystem::path> admitting_state(const StateOptions& options) {
  EXO_TRY(std::filesystem::path state, state_folder(options.state));
  EXO_TRY(const security::IdentityStore store, identity_store(options));
  EXO_CHECK(can_let_in(store));
  if (security::FileLock::held(state / "node.lock")) return state;
  return fail(ErrorCode::failed_precondition,
              "{}: no node runs with this state; start `exogpu serve` on this device first, and leave it running",
              state.string());
}

Result<WatchOutcome> watch(const security::PairingStore& store, const security::PairingCode& code,
                           const Interruption& interruption, std::optional<std::chrono::seconds> timeout) {
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    EXO_TRY(const PairingOutcome outcome, store.outcome(code, std::chrono::system_clock::now()));
    switch (outcome) {
      case PairingOutcome::shown: break;
      case PairingOutcome::paired: return WatchOutcome::paired;
      case PairingOutcome::wrong: return WatchOutcome::wrong;
      case PairingOutcome::expired: return WatchOutcome::expired;
      case PairingOutcome::withdrawn: return WatchOutcome::replaced;
    }
    if (interruption.within(kMoment)) return give_up(store, code, WatchOutcome::interrupted);
    if (timeout && std::chrono::steady_clock::now() >= begun + *timeout) {
      return give_up(store, code, WatchOutcome::timed_out);
    }
  }
}

void add_role_option(CLI::App& command, std::string& role) {
  command
      .add_option("--role", role,
                  "What the device will be: member (asks and computes; the default), worker (computes only), guest "
                  "(asks only) or owner (lets others in, too)")
      ->type_name("ROLE");
}

Result<std::optional<wire::Role>> asked_role(const std::string& text) {
  std::optional<wire::Role> role;
  if (text.empty()) return role;
  EXO_TRY(role, wire::parse_role(text));
  return role;
}

Result<std::string> admitted_text(const security::PairingStore& store, const security::PairingCode& code) {
  EXO_TRY(const std::string name, store.newcomer(code));
  return std::format("{} is part of this cluster now.", name.empty() ? "The other device" : name);
}

}  // namespace exogpu::cli
