#include "security/access_key.h"

#include <algorithm>
#include <cstring>
#include <format>

#include "security/hash.h"

namespace exogpu::security {
namespace {

constexpr std::string_view kPrefix = "exo-";
constexpr size_t kIdDigits = 16;
constexpr size_t kSecretBytes = 24;
constexpr size_t kSecretAt = kPrefix.size() + kIdDigits + 1;
constexpr size_t kKeyChars = kSecretAt + 2 * kSecretBytes;

wire::SecretHash hash_of(std::string_view secret, const wire::SecretSalt& salt) {
  const Sha256 hash = hmac_sha256(std::as_bytes(std::span(salt)), std::as_bytes(std::span(secret)));
  wire::SecretHash out;
  std::memcpy(out.data(), hash.data(), out.size());
  return out;
}

Result<MadeAccessKey> with_new_secret(wire::AccessKey record) {
  std::array<std::byte, kSecretBytes> bytes;
  EXO_CHECK(random_bytes(bytes));
  EXO_CHECK(random_bytes(std::as_writable_bytes(std::span(record.salt))));
  const std::string secret = to_hex(bytes);
  record.hash = hash_of(secret, record.salt);
  ++record.version;
  std::string key = std::format("{}{}-{}", kPrefix, record.id.text(), secret);
  return MadeAccessKey{.record = std::move(record), .key = std::move(key)};
}

}  // namespace

Result<MadeAccessKey> make_access_key(wire::AccessKey terms) {
  std::array<uint8_t, kIdDigits / 2> id{};
  EXO_CHECK(random_bytes(std::as_writable_bytes(std::span(id))));
  terms.id = wire::AccessKeyId(id);
  terms.version = 0;
  return with_new_secret(std::move(terms));
}

Result<MadeAccessKey> rotate_access_key(wire::AccessKey record) { return with_new_secret(std::move(record)); }

std::optional<wire::AccessKeyId> access_key_id(std::string_view key) {
  if (key.size() != kKeyChars || !key.starts_with(kPrefix) || key[kSecretAt - 1] != '-') return std::nullopt;
  return wire::AccessKeyId::parse(key.substr(kPrefix.size(), kIdDigits));
}

bool has_secret_of(std::string_view key, const wire::AccessKey& record) {
  if (key.size() != kKeyChars) return false;
  const wire::SecretHash hash = hash_of(key.substr(kSecretAt), record.salt);
  const bool right = equal_secrets(std::as_bytes(std::span(hash)), std::as_bytes(std::span(record.hash)));
  return right && access_key_id(key) == record.id;
}

}  // namespace exogpu::security
