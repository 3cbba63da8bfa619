// The pairing code that a cluster shows, and what became of it.
//
//   STATE/pairing.json    {"code": "123456", "expires": seconds since 1970, "outcome": "shown", "wrong": [seconds, …]}
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "security/authority.h"
#include "security/pairing/code.h"

namespace exogpu::security {

inline constexpr std::chrono::seconds kPairingLifetime{120};
// So many wrong guesses within this time, and no code is shown until it is over.
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

  // Of a code that was shown.
  Result<PairingOutcome> outcome(const PairingCode& code, WallTime now) const;

  Result<void> withdraw(const PairingCode& code) const;

  // The code that is shown now. Errors: failed_precondition, which tells none from one that has expired or is used up.
  Result<PairingCode> shown(WallTime now) const;

  // A guess was made, and that is the end of this code: the first guess counts.
  // Errors: failed_precondition, when the code is not shown any more.
  Result<void> settle(const PairingCode& code, bool right, WallTime now) const;

 private:
  struct Entry {
    std::string code;  // none was ever shown when empty
    int64_t expires_s = 0;
    std::string outcome;
    std::vector<int64_t> wrong_s;
  };
  std::filesystem::path file() const { return state_ / "pairing.json"; }
  Result<Entry> read() const;
  Result<void> update(const std::function<Result<void>(Entry&)>& change) const;
  static Result<void> check_shown(const Entry& entry, WallTime now);
  std::filesystem::path state_;
};

}  // namespace exogpu::security
