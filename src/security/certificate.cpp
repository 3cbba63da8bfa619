#include "security/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <format>

namespace exogpu::security {
namespace {

WallTime wall_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace

std::string date_text(WallTime time) {
  return std::format("{:%F %R} UTC", std::chrono::floor<std::chrono::minutes>(time));
}

Result<Certificate> Certificate::from_native(Openssl<X509> certificate, std::string_view name) {
  if (!is_p256(X509_get0_pubkey(certificate.get()))) {
    return fail(ErrorCode::unsupported, "{}: the certificate's key is not on the curve P-256", name);
  }
  return Certificate(std::move(certificate));
}

Result<Certificate> Certificate::from_pem(std::string_view pem, std::string_view name) {
  Openssl<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Openssl<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    return fail(ErrorCode::corrupt,
                "{}: not a certificate ({}); restore the file, or remove its folder "
                "to make a new identity",
                name, openssl_words());
  }
  return from_native(std::move(certificate), name);
}

Result<Certificate> Certificate::from_der(std::span<const std::byte> der, std::string_view name) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  Openssl<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!certificate || at != end) {
    return fail(ErrorCode::corrupt, "{}: not a certificate ({})", name, openssl_words());
  }
  return from_native(std::move(certificate), name);
}

std::string Certificate::to_pem() const {
  Openssl<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate_.get());
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

std::vector<std::byte> Certificate::to_der() const {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate_.get(), &der);
  std::vector<std::byte> bytes;
  if (size > 0) {
    const auto* begin = reinterpret_cast<const std::byte*>(der);
    bytes.assign(begin, begin + size);
  }
  OPENSSL_free(der);
  return bytes;
}

wire::NodeId Certificate::node_id() const {
  return wire::NodeId(public_key_hash(X509_get0_pubkey(certificate_.get())));
}

wire::ClusterId Certificate::cluster_id() const {
  return wire::ClusterId(public_key_hash(X509_get0_pubkey(certificate_.get())));
}

Validity validity_of(const X509* certificate) {
  return {.from = wall_time(X509_get0_notBefore(certificate)), .to = wall_time(X509_get0_notAfter(certificate))};
}

Validity Certificate::validity() const { return validity_of(certificate_.get()); }

bool Certificate::is_authority() const { return X509_check_ca(certificate_.get()) == 1; }

bool Certificate::belongs_to(const PrivateKey& key) const {
  return EVP_PKEY_eq(X509_get0_pubkey(certificate_.get()), key.native()) == 1;
}

bool Certificate::signed_by(const Certificate& authority) const {
  const bool good = X509_check_issued(authority.native(), certificate_.get()) == X509_V_OK &&
                    X509_verify(certificate_.get(), X509_get0_pubkey(authority.native())) == 1;
  if (!good) (void)openssl_words();  // clears OpenSSL's error queue for the next call
  return good;
}

}  // namespace exogpu::security
