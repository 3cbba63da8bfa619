// The API keys that this node knows: its own disk's and those of the replicated state, the later record of each.
//
// A change counts here at once and is on the disk when the call returns; the agent proposes it to the cluster, also
// when there is none for the moment. So a key that was revoked stays so when a node with an older record returns.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "security/access_key.h"
#include "wire/access_key.h"
#include "wire/node_id.h"

namespace exogpu::node {

using WallTime = std::chrono::system_clock::time_point;
using KnownKeys = std::map<wire::AccessKeyId, wire::AccessKey>;

// What a person says of a key.
struct AccessKeyTerms {
  std::string name;
  wire::Scopes scopes;
  std::vector<std::string> devices{};  // likewise, of NODE/DEVICE
  std::vector<std::string> models{};
  std::optional<std::chrono::seconds> lifetime{};
  uint32_t requests_per_minute = 0;
  uint64_t tokens_per_day = 0;
};

// Thread-safe.
class AccessKeys {
 public:
  // Errors: those of read_access_keys().
  static Result<std::unique_ptr<AccessKeys>> open(std::filesystem::path state, wire::ClusterId cluster);

  // Is called with all keys after each change that was made here, on that call's thread.
  void on_change(std::function<void(std::vector<wire::AccessKey>)> callback);

  // Errors: invalid_argument (no name, no scope, a name or id that is taken), resource_exhausted (kAccessKeysMax),
  // io_error, permission_denied: it could not be written.
  Result<security::MadeAccessKey> make(const AccessKeyTerms& terms, WallTime now);
  // Of a key given by its name or id. Errors: not_found, io_error, permission_denied.
  Result<wire::AccessKey> revoke(std::string_view key);
  Result<security::MadeAccessKey> rotate(std::string_view key);

  // Whether the replicated state has a later record of any key.
  bool has_news(const KnownKeys& state) const;
  // Takes those over and writes them. Errors: io_error, permission_denied; the keys count all the same.
  Result<void> merge(const KnownKeys& state);

  // Whether a text looks like a key that check() may know.
  static bool is_key(std::string_view text) { return security::access_key_id(text).has_value(); }
  // The key with this secret. Errors: unauthenticated: it is wrong, revoked or expired.
  Result<wire::AccessKey> check(std::string_view key, WallTime now) const;
  // Whether a key that was good still is. Cheap while nothing has changed.
  bool valid(const wire::AccessKey& key, WallTime now) const;

  // This node may know no keys any more. What cannot be removed from the disk is logged.
  void forget_all();
  std::vector<wire::AccessKey> all() const;  // by name; those that were revoked as well
  bool any() const;                          // one that is not revoked

 private:
  AccessKeys(std::filesystem::path state, wire::ClusterId cluster) : state_(std::move(state)), cluster_(cluster) {}
  const wire::AccessKey* find(std::string_view key) const EXO_REQUIRES(mutex_);
  bool is_news(const wire::AccessKey& key) const EXO_NO_THREAD_SAFETY_ANALYSIS;
  std::vector<wire::AccessKey> list() const EXO_REQUIRES(mutex_);
  // Writes the keys with `changed` among them, and then has it here, too.
  Result<void> store(const wire::AccessKey& changed);

  const std::filesystem::path state_;
  const wire::ClusterId cluster_;
  mutable Mutex writing_;  // of the file; taken before mutex_
  mutable Mutex mutex_;
  KnownKeys keys_ EXO_GUARDED_BY(mutex_);
  std::function<void(std::vector<wire::AccessKey>)> on_change_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::node
