#include "node/access_keys.h"

#include <algorithm>
#include <format>

#include "base/log.h"
#include "base/utf8.h"
#include "security/access_key_store.h"
#include "wire/cluster.h"

namespace exogpu::node {
namespace {

int64_t seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

bool expired(const wire::AccessKey& key, WallTime now) { return key.expires_s != 0 && key.expires_s <= seconds(now); }

Result<void> check_name(const std::string& name, std::string_view what) {
  if (!name.empty() && name.size() <= wire::kNameCharsMax && printable(name) == name) return {};
  return fail(ErrorCode::invalid_argument, "{} has 1 to {} characters that can be printed", what, wire::kNameCharsMax);
}

Result<void> check_terms(const AccessKeyTerms& terms) {
  EXO_CHECK(check_name(terms.name, "the name of a key"));
  if (terms.scopes.empty()) {
    return fail(ErrorCode::invalid_argument, "a key without a scope is of no use; give it what it may do: \"chat\"");
  }
  if (terms.models.size() > wire::kPatternsMax) {
    return fail(ErrorCode::invalid_argument, "a key may name at most {} models; use a pattern with *",
                wire::kPatternsMax);
  }
  if (terms.devices.size() > wire::kPatternsMax) {
    return fail(ErrorCode::invalid_argument, "a key may name at most {} devices; use a pattern with *",
                wire::kPatternsMax);
  }
  for (const std::string& model : terms.models) EXO_CHECK(check_name(model, "a model of a key"));
  for (const std::string& device : terms.devices) EXO_CHECK(check_name(device, "a device of a key"));
  if (terms.lifetime && terms.lifetime->count() < 1) {
    return fail(ErrorCode::invalid_argument, "a key must be valid for at least a second");
  }
  return {};
}

Error no_key(std::string_view key) {
  return {ErrorCode::not_found,
          std::format("there is no key {}; `exogpu keys list` shows them", printable(std::string(key)))};
}

}  // namespace

Result<std::unique_ptr<AccessKeys>> AccessKeys::open(std::filesystem::path state, wire::ClusterId cluster) {
  EXO_TRY(auto read, security::read_access_keys(state, cluster));
  std::unique_ptr<AccessKeys> keys(new AccessKeys(std::move(state), cluster));
  const MutexLock lock(keys->mutex_);
  for (wire::AccessKey& key : read) {
    const wire::AccessKeyId id = key.id;
    keys->keys_.insert_or_assign(id, std::move(key));
  }
  return keys;
}

void AccessKeys::on_change(std::function<void(std::vector<wire::AccessKey>)> callback) {
  const MutexLock lock(mutex_);
  on_change_ = std::move(callback);
}

const wire::AccessKey* AccessKeys::find(std::string_view key) const {
  // A name may have been used by a key that was revoked.
  const wire::AccessKey* found = nullptr;
  for (const auto& [id, each] : keys_) {
    if (id.text() == key) return &each;
    if (each.name == key && (found == nullptr || found->revoked)) found = &each;
  }
  return found;
}

// The caller holds the lock, which the analysis does not see inside a lambda.
bool AccessKeys::is_news(const wire::AccessKey& key) const {
  const auto own = keys_.find(key.id);
  return own == keys_.end() || wire::supersedes(key, own->second);
}

std::vector<wire::AccessKey> AccessKeys::list() const {
  std::vector<wire::AccessKey> out;
  out.reserve(keys_.size());
  for (const auto& [id, key] : keys_) out.push_back(key);
  return out;
}

Result<void> AccessKeys::store(const wire::AccessKey& changed) {
  std::vector<wire::AccessKey> keys;
  {
    const MutexLock lock(mutex_);
    keys = list();
  }
  std::erase_if(keys, [&](const wire::AccessKey& key) { return key.id == changed.id; });
  keys.push_back(changed);
  EXO_CHECK(security::write_access_keys(state_, cluster_, keys));
  std::function<void(std::vector<wire::AccessKey>)> callback;
  {
    const MutexLock lock(mutex_);
    keys_.insert_or_assign(changed.id, changed);
    callback = on_change_;
  }
  if (callback) callback(std::move(keys));
  return {};
}

Result<security::MadeAccessKey> AccessKeys::make(const AccessKeyTerms& terms, WallTime now) {
  EXO_CHECK(check_terms(terms));
  const MutexLock writing(writing_);
  {
    const MutexLock lock(mutex_);
    const wire::AccessKey* same = find(terms.name);
    if (same != nullptr && !same->revoked) {
      return fail(ErrorCode::invalid_argument, "there is a key {} already; revoke it, or choose another name",
                  terms.name);
    }
    if (keys_.size() >= wire::kAccessKeysMax) {
      return fail(ErrorCode::resource_exhausted, "there are {} keys, with those that were revoked; more are not kept",
                  wire::kAccessKeysMax);
    }
  }
  wire::AccessKey record;
  record.name = terms.name;
  record.scopes = terms.scopes;
  record.models = terms.models;
  record.devices = terms.devices;
  record.created_s = seconds(now);
  record.expires_s = terms.lifetime ? seconds(now + *terms.lifetime) : 0;
  record.requests_per_minute = terms.requests_per_minute;
  record.tokens_per_day = terms.tokens_per_day;
  EXO_TRY(security::MadeAccessKey made, security::make_access_key(std::move(record)));
  EXO_CHECK(store(made.record));
  return made;
}

Result<wire::AccessKey> AccessKeys::revoke(std::string_view key) {
  const MutexLock writing(writing_);
  wire::AccessKey record;
  {
    const MutexLock lock(mutex_);
    const wire::AccessKey* found = find(key);
    if (found == nullptr) return std::unexpected(no_key(key));
    record = *found;
  }
  if (record.revoked) return record;
  record.revoked = true;
  ++record.version;
  EXO_CHECK(store(record));
  return record;
}

Result<security::MadeAccessKey> AccessKeys::rotate(std::string_view key) {
  const MutexLock writing(writing_);
  wire::AccessKey record;
  {
    const MutexLock lock(mutex_);
    const wire::AccessKey* found = find(key);
    if (found == nullptr || found->revoked) return std::unexpected(no_key(key));
    record = *found;
  }
  EXO_TRY(security::MadeAccessKey made, security::rotate_access_key(std::move(record)));
  EXO_CHECK(store(made.record));
  return made;
}

bool AccessKeys::has_news(const KnownKeys& state) const {
  const MutexLock lock(mutex_);
  return std::ranges::any_of(state, [this](const auto& each) { return is_news(each.second); });
}

Result<void> AccessKeys::merge(const KnownKeys& state) {
  const MutexLock writing(writing_);
  std::vector<wire::AccessKey> keys;
  std::function<void(std::vector<wire::AccessKey>)> callback;
  {
    const MutexLock lock(mutex_);
    for (const auto& [id, key] : state) {
      if (is_news(key)) keys_.insert_or_assign(id, key);
    }
    keys = list();
    callback = on_change_;
  }
  auto written = security::write_access_keys(state_, cluster_, keys);
  if (callback) callback(std::move(keys));
  return written;
}

void AccessKeys::forget_all() {
  const MutexLock writing(writing_);
  {
    const MutexLock lock(mutex_);
    if (keys_.empty()) return;
    keys_.clear();
  }
  if (auto written = security::write_access_keys(state_, cluster_, {}); !written) {
    log::error("node", "{}", written.error().message);
  }
}

Result<wire::AccessKey> AccessKeys::check(std::string_view key, WallTime now) const {
  const auto id = security::access_key_id(key);
  const MutexLock lock(mutex_);
  const auto found = id ? keys_.find(*id) : keys_.end();
  // An id that nobody has takes as long, so that the time does not tell which there are: neither is a record copied.
  static const wire::AccessKey nobodys;
  const bool right = security::has_secret_of(key, found == keys_.end() ? nobodys : found->second);
  if (found == keys_.end() || !right) {
    return fail(ErrorCode::unauthenticated, "the API key is wrong");
  }
  const wire::AccessKey& record = found->second;
  if (record.revoked) return fail(ErrorCode::unauthenticated, "the API key {} was revoked", record.name);
  if (expired(record, now)) {
    return fail(ErrorCode::unauthenticated, "the API key {} has expired; make a new one with `exogpu keys add`",
                record.name);
  }
  return record;
}

bool AccessKeys::valid(const wire::AccessKey& key, WallTime now) const {
  const MutexLock lock(mutex_);
  const auto found = keys_.find(key.id);
  return found != keys_.end() && !found->second.revoked && found->second.hash == key.hash && !expired(key, now);
}

std::vector<wire::AccessKey> AccessKeys::all() const {
  std::vector<wire::AccessKey> keys;
  {
    const MutexLock lock(mutex_);
    keys = list();
  }
  std::ranges::sort(keys, {}, &wire::AccessKey::name);
  return keys;
}

bool AccessKeys::any() const {
  const MutexLock lock(mutex_);
  return std::ranges::any_of(keys_, [](const auto& each) { return !each.second.revoked; });
}

}  // namespace exogpu::node
