// The join tokens that this node has made: their hashes, when they expire, and how often they may still be used.
//
//   STATE/tokens.json    {"tokens": [{"sha256": "…", "expires": seconds since 1970, "uses_remaining": 1, "role":
//   "worker"}]}
//
// The hash covers a token's secret and its cluster: tokens that a device made for a previous cluster admit nobody to
// its present one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "security/authority.h"
#include "security/join_token.h"
#include "wire/role.h"

namespace exogpu::security {

struct TokenTerms {
  std::chrono::seconds lifetime = std::chrono::hours(1);
  uint32_t uses = 1;
  std::optional<wire::Role> role{};  // of those who join with it; empty: the cluster's default
};

// Several programs may use one store at a time; a file lock serialises them. Blocks during file operations. Errors of
// all calls: corrupt, permission_denied, io_error; they name the file.
class TokenStore {
 public:
  explicit TokenStore(std::filesystem::path state) : state_(std::move(state)) {}

  // Only the result contains the secret; the store has its hash.
  // Errors: invalid_argument (no uses, or a lifetime not between a second and a year), resource_exhausted (1,000 tokens
  // exist).
  Result<JoinToken> issue(wire::ClusterId cluster, const TokenTerms& terms, WallTime now) const;

  // Uses a token once: the role that it gives.
  // Errors: unauthenticated, with different messages for a token that is unknown, expired or used up.
  Result<std::optional<wire::Role>> redeem(std::span<const std::byte> secret, wire::ClusterId cluster,
                                           WallTime now) const;

  // Revokes all tokens.
  Result<void> revoke_all() const;

 private:
  struct Entry {
    std::string sha256;
    int64_t expires_s = 0;
    uint32_t uses_remaining = 0;
    std::optional<wire::Role> role{};
  };
  std::filesystem::path file() const { return state_ / "tokens.json"; }
  Result<std::vector<Entry>> read() const;
  Result<void> write(const std::vector<Entry>& entries) const;
  // Runs `change` on the entries under the file lock and stores them, even if it fails.
  Result<void> update(const std::function<Result<void>(std::vector<Entry>&)>& change) const;
  std::filesystem::path state_;
};

}  // namespace exogpu::security
