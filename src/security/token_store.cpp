#include "security/token_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "security/files.h"
#include "security/hash.h"

namespace exogpu::security {
namespace {

constexpr size_t kTokensMax = 1000;
constexpr Bytes kTokensFileBytesMax = 1 * MiB;
// For so long an expired token differs from an unknown one.
constexpr std::chrono::seconds kRemembered = std::chrono::days(7);

int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::string hash_of(std::span<const std::byte> secret, wire::ClusterId cluster) {
  Sha256Stream stream;
  stream.update(secret);
  stream.update(std::as_bytes(cluster.bytes()));
  return to_hex(stream.finish());
}

}  // namespace

Result<std::vector<TokenStore::Entry>> TokenStore::read() const {
  std::error_code ignored;
  if (!std::filesystem::exists(file(), ignored)) return std::vector<Entry>();
  EXO_TRY(const std::string text, read_secret(file(), kTokensFileBytesMax));
  auto damaged = [&] {
    return fail(ErrorCode::corrupt, "{}: not a list of tokens; remove the file and make new tokens", file().string());
  };
  const auto root = nlohmann::json::parse(text, nullptr, false);
  if (!root.is_object() || !root.contains("tokens") || !root["tokens"].is_array()) return damaged();
  std::vector<Entry> entries;
  for (const auto& token : root["tokens"]) {
    if (!token.is_object() || !token.contains("sha256") || !token["sha256"].is_string() || !token.contains("expires") ||
        !token["expires"].is_number_integer() || !token.contains("uses_remaining") ||
        !token["uses_remaining"].is_number_unsigned() || entries.size() == kTokensMax) {
      return damaged();
    }
    std::optional<wire::Role> role;
    if (token.contains("role")) {
      const auto named = token["role"].is_string() ? wire::parse_role(token["role"].get<std::string>())
                                                   : fail(ErrorCode::corrupt, "no text");
      if (!named) return damaged();
      role = *named;
    }
    entries.push_back({.sha256 = token["sha256"].get<std::string>(),
                       .expires_s = token["expires"].get<int64_t>(),
                       .uses_remaining = token["uses_remaining"].get<uint32_t>(),
                       .role = role});
  }
  return entries;
}

Result<void> TokenStore::write(const std::vector<Entry>& entries) const {
  auto tokens = nlohmann::json::array();
  for (const Entry& entry : entries) {
    tokens.push_back(
        {{"sha256", entry.sha256}, {"expires", entry.expires_s}, {"uses_remaining", entry.uses_remaining}});
    if (entry.role) tokens.back()["role"] = to_string(*entry.role);
  }
  return write_secret(file(), nlohmann::json{{"tokens", tokens}}.dump(2) + "\n");
}

Result<void> TokenStore::update(const std::function<Result<void>(std::vector<Entry>&)>& change) const {
  EXO_CHECK(make_private_directory(state_));
  EXO_TRY(const auto lock, FileLock::take(state_ / "tokens.lock"));
  EXO_TRY(auto entries, read());
  auto changed = change(entries);
  EXO_CHECK(write(entries));
  return changed;
}

Result<JoinToken> TokenStore::issue(wire::ClusterId cluster, const TokenTerms& terms, WallTime now) const {
  if (terms.uses == 0 || terms.lifetime < std::chrono::seconds(1) || terms.lifetime > std::chrono::days(366)) {
    return fail(ErrorCode::invalid_argument,
                "a token must have at least one use and a lifetime from a second to a year");
  }
  JoinToken token{.secret = {}, .cluster = cluster};
  EXO_CHECK(random_bytes(token.secret));
  EXO_CHECK(update([&](std::vector<Entry>& entries) -> Result<void> {
    std::erase_if(entries, [&](const Entry& entry) { return entry.expires_s < unix_seconds(now - kRemembered); });
    if (entries.size() >= kTokensMax) {
      return fail(ErrorCode::resource_exhausted, "{}: {} tokens exist; revoke them first (`exogpu token --revoke`)",
                  file().string(), kTokensMax);
    }
    entries.push_back({.sha256 = hash_of(token.secret, cluster),
                       .expires_s = unix_seconds(now + terms.lifetime),
                       .uses_remaining = terms.uses,
                       .role = terms.role});
    return {};
  }));
  return token;
}

Result<std::optional<wire::Role>> TokenStore::redeem(std::span<const std::byte> secret, wire::ClusterId cluster,
                                                     WallTime now) const {
  const std::string hash = hash_of(secret, cluster);
  std::optional<wire::Role> role;
  EXO_CHECK(update([&](std::vector<Entry>& entries) -> Result<void> {
    // The hash reveals nothing about the secret, so the search need not take constant time.
    const auto entry = std::ranges::find(entries, hash, &Entry::sha256);
    if (entry == entries.end()) {
      return fail(ErrorCode::unauthenticated,
                  "the cluster does not know this token; make a new one with `exogpu token`");
    }
    if (entry->expires_s <= unix_seconds(now)) {
      return fail(ErrorCode::unauthenticated, "the token has expired; make a new one with `exogpu token`");
    }
    if (entry->uses_remaining == 0) {
      return fail(ErrorCode::unauthenticated, "the token is used up; make a new one with `exogpu token`");
    }
    --entry->uses_remaining;
    role = entry->role;
    return {};
  }));
  return role;
}

Result<void> TokenStore::revoke_all() const {
  return update([](std::vector<Entry>& entries) -> Result<void> {
    entries.clear();
    return {};
  });
}

}  // namespace exogpu::security
