// The secret of an API key: how it is made, written and checked.
//
//   exo-0123456789abcdef-<48 hexadecimal digits>
//        the key's id     the secret: 192 random bits
//
// A node keeps HMAC-SHA256(salt, secret) alone. A secret of so many random bits needs no slow hash.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/access_key.h"

namespace exogpu::security {

struct MadeAccessKey {
  wire::AccessKey record;
  std::string key;  // whole; it exists nowhere else
};

// A key with these terms and an id of its own. Errors: internal (no random bytes).
Result<MadeAccessKey> make_access_key(wire::AccessKey terms);

// The same key with a new secret; the old one is no longer valid. Errors: as above.
Result<MadeAccessKey> rotate_access_key(wire::AccessKey record);

// The id in a key's text; empty if it is not one.
std::optional<wire::AccessKeyId> access_key_id(std::string_view key);

// Whether `key` has the secret of this record. Takes as long for a secret that is nearly right as for any other.
bool has_secret_of(std::string_view key, const wire::AccessKey& record);

}  // namespace exogpu::security
