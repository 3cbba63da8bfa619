// The recovery phrase of a cluster: the authority's private key as letters and digits that a person can write down.
//
//   35 bytes: the key's private scalar (32 bytes), the first 3 bytes of SHA-256 of a label and the scalar
//   in base 32 (Crockford's alphabet: no I, L, O, U), in 14 groups of 4
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "security/key.h"

namespace exogpu::security {

// "7ZZ0-K3QA-…". Errors: internal.
Result<std::string> recovery_phrase(const PrivateKey& authority);

// Reads what recovery_phrase() writes, in any case, with any spaces and dashes, with I and L for 1 and O for 0.
// Errors: invalid_argument: a character that does not belong there, too few or too many, or one that is mistyped.
Result<PrivateKey> recover_key(std::string_view phrase);

}  // namespace exogpu::security
