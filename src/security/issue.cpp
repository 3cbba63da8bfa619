#include "security/issue.h"

#include <openssl/x509v3.h>

#include <array>

#include "security/authority.h"
#include "security/hash.h"

namespace exogpu::security {
namespace {

std::unexpected<Error> no_certificate() {
  return fail(ErrorCode::internal, "cannot make a certificate: {}", openssl_words());
}

bool set_serial(X509* certificate) {
  std::array<std::byte, 16> random;
  if (!random_bytes(random)) return false;
  random[0] = (random[0] & std::byte{0x3F}) | std::byte{0x40};  // positive, and of constant length
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(random.data()), random.size(), nullptr);
  const bool good = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return good;
}

bool set_name(X509* certificate, const std::string& name) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  auto add = [&](const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  return add("O", "exogpu") && add("CN", name);
}

bool set_extensions(X509* certificate, X509* issuer, const std::vector<std::pair<int, std::string>>& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const auto& [id, value] : extensions) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
    const bool good = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    if (!good) return false;
  }
  return true;
}

}  // namespace

Result<Certificate> issue_certificate(const CertificateContents& contents) {
  Openssl<X509> certificate(X509_new());
  X509* it = certificate.get();
  if (it == nullptr) return no_certificate();
  time_t begin = std::chrono::system_clock::to_time_t(contents.now - kBackdated);
  X509* issuer = contents.issuer ? contents.issuer : it;
  const bool good =
      X509_set_version(it, X509_VERSION_3) == 1 && set_serial(it) && set_name(it, contents.name) &&
      X509_set_issuer_name(it, X509_get_subject_name(issuer)) == 1 &&
      X509_time_adj_ex(X509_getm_notBefore(it), 0, 0, &begin) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(it), static_cast<int>(contents.validity.count()), 0, &begin) != nullptr &&
      X509_set_pubkey(it, contents.key) == 1 && set_extensions(it, issuer, contents.extensions) &&
      X509_sign(it, contents.issuer_key, EVP_sha256()) > 0;
  if (!good) return no_certificate();
  return Certificate::from_native(std::move(certificate), "the new certificate");
}

}  // namespace exogpu::security
