#include "security/signature.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

namespace exogpu::security {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* it) const { EVP_MD_CTX_free(it); }
};
using Digest = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

const unsigned char* uchars(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

Result<std::vector<std::byte>> sign(std::string_view text, EVP_PKEY* key) {
  const Digest digest(EVP_MD_CTX_new());
  std::array<std::byte, 128> signature;
  size_t size = signature.size();
  if (!digest || EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, uchars(text),
                     text.size()) != 1) {
    return fail(ErrorCode::internal, "cannot sign: {}", openssl_words());
  }
  return std::vector<std::byte>(signature.begin(), signature.begin() + static_cast<long>(size));
}

bool is_signature(std::string_view text, std::span<const std::byte> signature, EVP_PKEY* key) {
  const Digest digest(EVP_MD_CTX_new());
  const bool good = digest && EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
                    EVP_DigestVerify(digest.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                                     signature.size(), uchars(text), text.size()) == 1;
  if (!good) (void)openssl_words();  // clears OpenSSL's error queue for the next call
  return good;
}

EVP_PKEY* public_key_of(const Certificate& certificate) { return X509_get0_pubkey(certificate.native()); }

}  // namespace exogpu::security
