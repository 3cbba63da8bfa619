// The pairing code that a member lets somebody in by, and what became of it: one that it shows, or one that a newcomer
// shows and somebody typed here.
//
//   STATE/pairing.json    {"code": "123456", "from": "member" or "newcomer", "expires": seconds since 1970,
//                          "outcome": "shown", "newcomer": "desk", "wrong": [seconds, …]}
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

namespace exogpu::security {

inline constexpr std::chrono::seconds kPairingLifetime{120};
// So many wrong guesses within this time, and no code is taken until it is over.
inline constexpr size_t kWrongGuessesMax = 5;
inline constexpr std::chrono::seconds kWrongGuessesWithin{600};

enum class PairingOutcome { shown, paired, wrong, expired, withdrawn };

// Several programs may use one store at a time; a lock on a file keeps them apart. Blocks for the time of its file
// operations. Errors of all calls: corrupt, permission_denied, io_error; they name the file.
class PairingStore {
 public:
  explicit PairingStore(std::filesystem::path state) : state_(std::move(state)) {}

  // Shows a new code, in place of the one before. Errors: resource_exhausted (too many wrong guesses of late).
  Result<PairingCode> show(WallTime now) const;

  // Takes the code that a newcomer shows, in place of the one before. Errors: as show().
  Result<void> approve(const PairingCode& code, WallTime now) const;

  // Of a code that was shown or approved.
  Result<PairingOutcome> outcome(const PairingCode& code, WallTime now) const;

  // What the one that was let in by this code calls itself; empty when it did not say, or nobody was.
  Result<std::string> newcomer(const PairingCode& code) const;

  Result<void> withdraw(const PairingCode& code) const;

  // The code that holds now and is from there: a newcomer with a code of its own must not make the one guess that
  // somebody else has. Errors: failed_precondition, which tells none from one that has expired or is used up.
  Result<PairingCode> shown(wire::CodeFrom from, WallTime now) const;
  // From where the code is that holds now; nothing when none does, or it cannot be read.
  std::optional<wire::CodeFrom> open(WallTime now) const;

  // A guess was made, and that is the end of this code: the first guess counts. `newcomer`: what the one that made it
  // calls itself. Errors: failed_precondition, when the code does not hold any more.
  Result<void> settle(const PairingCode& code, bool right, std::string_view newcomer, WallTime now) const;

 private:
  struct Entry {
    std::string code;  // none was ever shown when empty
    wire::CodeFrom from = wire::CodeFrom::member;
    int64_t expires_s = 0;
    std::string outcome;
    std::string newcomer;
    std::vector<int64_t> wrong_s;
  };
  std::filesystem::path file() const { return state_ / "pairing.json"; }
  Result<Entry> read() const;
  Result<void> update(const std::function<Result<void>(Entry&)>& change) const;
  Result<void> begin(const PairingCode& code, wire::CodeFrom from, WallTime now) const;
  static Result<void> check_shown(const Entry& entry, wire::CodeFrom from, WallTime now);
  std::filesystem::path state_;
};

}  // namespace exogpu::security
