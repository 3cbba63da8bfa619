// Signatures of texts with the key of a node or an authority: ECDSA on P-256 with SHA-256, in DER. A text begins with
// what it is for, so that a signature is of nothing else.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "security/certificate.h"
#include "security/openssl.h"

namespace exogpu::security {

// Errors: internal.
Result<std::vector<std::byte>> sign(std::string_view text, EVP_PKEY* key);

bool is_signature(std::string_view text, std::span<const std::byte> signature, EVP_PKEY* key);

// Belongs to the certificate.
EVP_PKEY* public_key_of(const Certificate& certificate);

}  // namespace exogpu::security
