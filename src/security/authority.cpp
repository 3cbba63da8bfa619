#include "security/authority.h"

#include <openssl/x509v3.h>

#include <string>

#include "security/issue.h"

namespace exogpu::security {
namespace {

std::unexpected<Error> trouble(std::string_view what) {
  return fail(ErrorCode::internal, "cannot make {}: {}", what, openssl_words());
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

bool renewal_due(const Validity& validity, WallTime now) {
  const auto whole = validity.to - validity.from;
  return whole > kNodeValidity || now < validity.from || validity.to - now <= whole / 3;
}

Result<Authority> Authority::create(WallTime now) {
  EXO_TRY(PrivateKey key, PrivateKey::generate());
  EXO_TRY(Certificate certificate,
          issue_certificate({.key = key.native(),
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
  return issue_certificate({.key = key,
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
