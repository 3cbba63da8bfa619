// The join tokens that a cluster has given out: their hashes, how long they last and how often they may be used.
//
//   STATE/tokens.json    {"tokens": [{"sha256": "…", "expires": seconds since 1970, "uses_remaining": 1}]}
//
// The hash is of a token's secret and its cluster: a device that has moved to another cluster lets nobody into that one
// by what it gave out before.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "security/authority.h"
#include "security/join_token.h"

namespace exogpu::security {

struct TokenTerms {
  std::chrono::seconds lifetime = std::chrono::hours(1);
  uint32_t uses = 1;
};

// Several programs may use one store at a time; a lock on a file keeps them apart. Blocks for the time of its file
// operations. Errors of all calls: corrupt, permission_denied, io_error; they name the file.
class TokenStore {
 public:
  explicit TokenStore(std::filesystem::path state) : state_(std::move(state)) {}

  // The secret is in the result alone; the store keeps its hash.
  // Errors: invalid_argument (no uses, or not between a second and a year), resource_exhausted (1,000 are out).
  Result<JoinToken> issue(wire::ClusterId cluster, const TokenTerms& terms, WallTime now) const;

  // Uses a token once. Errors: unauthenticated, which tells an unknown token from one that has expired or is used up.
  Result<void> redeem(std::span<const std::byte> secret, wire::ClusterId cluster, WallTime now) const;

  // Makes all tokens useless.
  Result<void> revoke_all() const;

 private:
  struct Entry {
    std::string sha256;
    int64_t expires_s = 0;
    uint32_t uses_remaining = 0;
  };
  std::filesystem::path file() const { return state_ / "tokens.json"; }
  Result<std::vector<Entry>> read() const;
  Result<void> write(const std::vector<Entry>& entries) const;
  // Runs `change` on the entries while no other program can, and keeps what it leaves, also when it fails.
  Result<void> update(const std::function<Result<void>(std::vector<Entry>&)>& change) const;
  std::filesystem::path state_;
};

}  // namespace exogpu::security
