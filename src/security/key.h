// The private key of a node or an authority: ECDSA on the curve P-256, which every TLS library supports.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "security/openssl.h"
#include "wire/node_id.h"

namespace exogpu::security {

class PrivateKey {
 public:
  static Result<PrivateKey> generate();
  // `name` is for messages. Errors: corrupt (not a key), unsupported (another kind, or encrypted).
  static Result<PrivateKey> from_pem(std::string_view pem, std::string_view name);
  static Result<PrivateKey> from_der(std::span<const std::byte> der, std::string_view name);
  // Unencrypted PKCS #8; the caller protects the file or message.
  std::string to_pem() const;
  std::vector<std::byte> to_der() const;

  // Whether private and public part belong together, which parsing does not check. Takes milliseconds.
  bool is_complete() const;

  wire::NodeId node_id() const;
  EVP_PKEY* native() const { return key_.get(); }

 private:
  explicit PrivateKey(Openssl<EVP_PKEY> key) : key_(std::move(key)) {}
  Openssl<EVP_PKEY> key_;
};

// Whether `key` is on P-256; all other keys are refused.
bool is_p256(EVP_PKEY* key);

// The first 16 bytes of the SHA-256 of the public part.
std::array<uint8_t, wire::kKeyHashBytes> public_key_hash(EVP_PKEY* key);

}  // namespace exogpu::security
