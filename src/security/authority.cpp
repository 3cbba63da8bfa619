#include "security/authority.h"

#include <openssl/x509v3.h>

#include <array>
#include <string>

#include "security/hash.h"

namespace exogpu::security {
namespace {

std::unexpected<Error> trouble(std::string_view what) {
  return fail(ErrorCode::internal, "cannot make {}: {}", what, openssl_words());
}

struct Contents {
  EVP_PKEY* key;  // the certificate's subject key
  std::string name;
  X509* issuer;  // null: self-signed
  EVP_PKEY* issuer_key;
  WallTime now;
  std::chrono::days validity;
  std::vector<std::pair<int, std::string>> extensions;
};

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

Result<Certificate> make_certificate(const Contents& contents) {
  Openssl<X509> certificate(X509_new());
  X509* it = certificate.get();
  if (it == nullptr) return trouble("a certificate");
  time_t begin = std::chrono::system_clock::to_time_t(contents.now - kBackdated);
  X509* issuer = contents.issuer ? contents.issuer : it;
  const bool good =
      X509_set_version(it, X509_VERSION_3) == 1 && set_serial(it) && set_name(it, contents.name) &&
      X509_set_issuer_name(it, X509_get_subject_name(issuer)) == 1 &&
      X509_time_adj_ex(X509_getm_notBefore(it), 0, 0, &begin) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(it), static_cast<int>(contents.validity.count()), 0, &begin) != nullptr &&
      X509_set_pubkey(it, contents.key) == 1 && set_extensions(it, issuer, contents.extensions) &&
      X509_sign(it, contents.issuer_key, EVP_sha256()) > 0;
  if (!good) return trouble("a certificate");
  return Certificate::from_native(std::move(certificate), "the new certificate");
}

}  // namespace

Result<std::vector<std::byte>> make_certificate_request(const PrivateKey& key) {
  Openssl<X509_REQ> request(X509_REQ_new());
  unsigned char* der = nullptr;
  int size = 0;
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
      X509_REQ_sign(request.get(), key.native(), EVP_sha256()) <= 0 ||
      (size = i2d_X509_REQ(request.get(), &der)) <= 0) {
    return trouble("a certificate request");
  }
  const auto* begin = reinterpret_cast<const std::byte*>(der);
  std::vector<std::byte> bytes(begin, begin + size);
  OPENSSL_free(der);
  return bytes;
}

Result<Authority> Authority::create(WallTime now) {
  EXO_TRY(PrivateKey key, PrivateKey::generate());
  EXO_TRY(Certificate certificate,
          make_certificate({.key = key.native(),
                            .name = "exogpu cluster " + key.node_id().text(),
                            .issuer = nullptr,
                            .issuer_key = key.native(),
                            .now = now,
                            .validity = kAuthorityValidity,
                            .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                           {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                           {NID_subject_key_identifier, "hash"}}}));
  return Authority(std::move(key), std::move(certificate));
}

Result<Authority> Authority::of(PrivateKey key, Certificate certificate) {
  if (!certificate.is_authority()) {
    return fail(ErrorCode::corrupt, "the certificate of the cluster's authority is not that of an authority");
  }
  if (!certificate.belongs_to(key) || !key.is_complete()) {
    return fail(ErrorCode::corrupt, "the key and the certificate of the cluster's authority do not belong together");
  }
  return Authority(std::move(key), std::move(certificate));
}

Result<Certificate> Authority::sign(std::span<const std::byte> request, WallTime now) const {
  const auto* at = reinterpret_cast<const unsigned char*>(request.data());
  const auto* end = at + request.size();
  Openssl<X509_REQ> parsed(d2i_X509_REQ(nullptr, &at, static_cast<long>(request.size())));
  if (!parsed || at != end) {
    return fail(ErrorCode::corrupt, "not a certificate request ({})", openssl_words());
  }
  EVP_PKEY* key = X509_REQ_get0_pubkey(parsed.get());
  if (!is_p256(key)) {
    (void)openssl_words();
    return fail(ErrorCode::unsupported, "the certificate request is for a key that is not on the curve P-256");
  }
  if (X509_REQ_verify(parsed.get(), key) != 1) {
    return fail(ErrorCode::corrupt, "the certificate request is not signed with its own key ({})", openssl_words());
  }
  const std::string id = wire::NodeId(public_key_hash(key)).text();
  return make_certificate({.key = key,
                           .name = id,
                           .issuer = certificate_.native(),
                           .issuer_key = key_.native(),
                           .now = now,
                           .validity = kNodeValidity,
                           .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                          {NID_key_usage, "critical,digitalSignature"},
                                          {NID_ext_key_usage, "serverAuth,clientAuth"},
                                          {NID_subject_key_identifier, "hash"},
                                          {NID_authority_key_identifier, "keyid:always"},
                                          {NID_subject_alt_name, "URI:exogpu:" + id}}});
}

}  // namespace exogpu::security
