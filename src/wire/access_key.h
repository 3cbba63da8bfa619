// Keys of the API: what the cluster's nodes know of a key, which lets them check it and not know it.
//
// Each node keeps the records on its disk, and the replicated state has those of all. Of two records of one key the
// later one counts (supersedes()), so nodes that were apart agree when they meet, and a key that was revoked stays so.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/hash_id.h"

namespace exogpu::wire {

inline constexpr size_t kAccessKeysMax = 1000;  // of a cluster, with those that were revoked
inline constexpr size_t kPatternsMax = 32;      // of one key, of each kind

// What a request does, and what a key may do.
enum class Scope : uint8_t {
  chat,           // texts: chat, completions, answers that are kept, tokens
  embeddings,     // embeddings of texts
  models,         // load, unload and fetch models
  cluster_read,   // nodes, plans, measurements
  cluster_write,  // drain nodes, settings
  admin           // keys; and everything else
};
inline constexpr std::array<Scope, 6> kScopes = {Scope::chat,         Scope::embeddings,    Scope::models,
                                                 Scope::cluster_read, Scope::cluster_write, Scope::admin};

// "chat", "cluster:read".
std::string_view to_string(Scope scope);

// A set of scopes.
class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) add(scope);
  }
  static constexpr Scopes from_bits(uint32_t bits) {
    Scopes scopes;
    scopes.bits_ = bits & ((1U << kScopes.size()) - 1);
    return scopes;
  }
  constexpr void add(Scope scope) { bits_ |= bit(scope); }
  // Whether a key with these scopes may do this.
  constexpr bool allow(Scope scope) const { return (bits_ & (bit(scope) | bit(Scope::admin))) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint32_t bits() const { return bits_; }
  std::string text() const;  // "chat,embeddings"
  friend bool operator==(const Scopes&, const Scopes&) = default;

 private:
  static constexpr uint32_t bit(Scope scope) { return 1U << static_cast<uint32_t>(scope); }
  uint32_t bits_ = 0;
};

// Reads what Scopes::text() writes. Errors: invalid_argument, with the scopes that there are.
Result<Scopes> parse_scopes(std::string_view text);

using AccessKeyId = HashId<struct AccessKeyTag, 8>;  // random; the first part of the key, not secret
using SecretSalt = std::array<uint8_t, 16>;
using SecretHash = std::array<uint8_t, 32>;

struct AccessKey {
  AccessKeyId id;
  uint64_t version = 0;  // one more with each change
  bool revoked = false;
  std::string name;  // for people, and in the audit
  SecretSalt salt{};
  SecretHash hash{};  // of salt and secret, see security/access_key.h
  Scopes scopes;
  std::vector<std::string> models;   // patterns of names with *; none: all
  std::vector<std::string> devices;  // patterns of NODE/DEVICE with *; none: all
  int64_t created_s = 0;             // since 1970
  int64_t expires_s = 0;             // 0: never
  uint32_t requests_per_minute = 0;  // 0: without a limit
  uint64_t tokens_per_day = 0;       // likewise
  friend bool operator==(const AccessKey&, const AccessKey&) = default;
};

// Whether `later` takes the place of `earlier`, which has the same id: it has a higher version, or is revoked where the
// other is not. Total: of two that differ exactly one supersedes.
bool supersedes(const AccessKey& later, const AccessKey& earlier);

}  // namespace exogpu::wire
