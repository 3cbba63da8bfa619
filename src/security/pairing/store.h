// A member's pairing code and its outcome: a code that the member shows, or one that a newcomer shows and a person
// typed here.
//
//   STATE/pairing.json    {"code": "123456", "from": "member" or "newcomer", "expires": seconds since 1970,
//                          "outcome": "shown", "newcomer": "desk", "role": "worker", "wrong": [seconds, …]}
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "security/authority.h"
#include "security/pairing/code.h"
#include "wire/messages.h"
#include "wire/role.h"

namespace exogpu::security {

inline constexpr std::chrono::seconds kPairingLifetime{120};
// After so many wrong guesses within this time no code is accepted until it is over.
inline constexpr size_t kWrongGuessesMax = 5;
inline constexpr std::chrono::seconds kWrongGuessesWithin{600};

enum class PairingOutcome { shown, paired, wrong, expired, withdrawn };

// Several programs may use one store at a time; a file lock serialises them. Blocks during file operations. Errors of
// all calls: corrupt, permission_denied, io_error; they name the file.
class PairingStore {
 public:
  explicit PairingStore(std::filesystem::path state) : state_(std::move(state)) {}

  // Replaces the code by a new one to show, for a newcomer that is to have this role; without one, the cluster's
  // default. Errors: resource_exhausted (too many wrong guesses lately).
  Result<PairingCode> show(WallTime now, std::optional<wire::Role> role = {}) const;

  // Replaces the code by one that a newcomer shows. Errors: those of show().
  Result<void> approve(const PairingCode& code, WallTime now, std::optional<wire::Role> role = {}) const;

  // The outcome of a code that was shown or approved.
  Result<PairingOutcome> outcome(const PairingCode& code, WallTime now) const;

  // The name that the newcomer admitted by this code gave; empty if it gave none, or none was admitted.
  Result<std::string> newcomer(const PairingCode& code) const;

  Result<void> withdraw(const PairingCode& code) const;

  // The active code, if it is of this kind: a newcomer with its own code must not make the one guess meant for another
  // device.
  // Errors: failed_precondition, with different messages for no code, an expired one and one that is used up.
  Result<PairingCode> shown(wire::CodeFrom from, WallTime now) const;
  // The kind of the active code; empty if there is none or it cannot be read.
  std::optional<wire::CodeFrom> open(WallTime now) const;

  // Ends a code after a guess: only the first guess counts. `newcomer` is the name that the guessing device gave. The
  // role that the code gives. Errors: failed_precondition, if the code is not active any more.
  Result<std::optional<wire::Role>> settle(const PairingCode& code, bool right, std::string_view newcomer,
                                           WallTime now) const;

 private:
  struct Entry {
    std::string code;  // empty: no code was ever shown
    wire::CodeFrom from = wire::CodeFrom::member;
    int64_t expires_s = 0;
    std::string outcome;
    std::string newcomer;
    std::optional<wire::Role> role;
    std::vector<int64_t> wrong_s;
  };
  std::filesystem::path file() const { return state_ / "pairing.json"; }
  Result<Entry> read() const;
  Result<void> update(const std::function<Result<void>(Entry&)>& change) const;
  Result<void> begin(const PairingCode& code, wire::CodeFrom from, std::optional<wire::Role> role, WallTime now) const;
  static Result<void> check_shown(const Entry& entry, wire::CodeFrom from, WallTime now);
  std::filesystem::path state_;
};

}  // namespace exogpu::security
