#include "security/key.h"

#include <openssl/ec.h>
#include <openssl/pem.h>

#include <cstring>

#include "security/hash.h"

namespace exogpu::security {
namespace {

// Never asks in the terminal.
int no_password(char*, int, int, void*) { return -1; }

Result<void> check_kind(EVP_PKEY* key, std::string_view name) {
  if (is_p256(key)) return {};
  return fail(ErrorCode::unsupported, "{}: a private key of type {}, not on the curve P-256", name,
              EVP_PKEY_get0_type_name(key));
}

}  // namespace

Result<PrivateKey> PrivateKey::generate() {
  Openssl<EVP_PKEY> key(EVP_EC_gen("P-256"));
  if (!key) return fail(ErrorCode::internal, "cannot make a key: {}", openssl_words());
  return PrivateKey(std::move(key));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, std::string_view name) {
  if (pem.contains("ENCRYPTED")) {
    return fail(ErrorCode::unsupported, "{}: this private key is encrypted; exogpu cannot ask for its password", name);
  }
  Openssl<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Openssl<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) {
    return fail(ErrorCode::corrupt,
                "{}: not a private key ({}); restore the file, or remove its folder "
                "to make a new identity",
                name, openssl_words());
  }
  EXO_CHECK(check_kind(key.get(), name));
  return PrivateKey(std::move(key));
}

Result<PrivateKey> PrivateKey::from_der(std::span<const std::byte> der, std::string_view name) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  const Openssl<PKCS8_PRIV_KEY_INFO> info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
  Openssl<EVP_PKEY> key(info && at == end ? EVP_PKCS82PKEY(info.get()) : nullptr);
  if (!key) return fail(ErrorCode::corrupt, "{}: not a private key ({})", name, openssl_words());
  EXO_CHECK(check_kind(key.get(), name));
  return PrivateKey(std::move(key));
}

std::string PrivateKey::to_pem() const {
  Openssl<BIO> bio(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

std::vector<std::byte> PrivateKey::to_der() const {
  const Openssl<PKCS8_PRIV_KEY_INFO> info(EVP_PKEY2PKCS8(key_.get()));
  unsigned char* der = nullptr;
  const int size = info ? i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der) : 0;
  std::vector<std::byte> bytes;
  if (size > 0) {
    const auto* begin = reinterpret_cast<const std::byte*>(der);
    bytes.assign(begin, begin + size);
    OPENSSL_clear_free(der, static_cast<size_t>(size));
  }
  return bytes;
}

bool PrivateKey::is_complete() const {
  const Openssl<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new(key_.get(), nullptr));
  const bool whole = check && EVP_PKEY_pairwise_check(check.get()) == 1;
  if (!whole) (void)openssl_words();  // clears OpenSSL's error queue for the next call
  return whole;
}

wire::NodeId PrivateKey::node_id() const { return wire::NodeId(public_key_hash(key_.get())); }

bool is_p256(EVP_PKEY* key) {
  char group[32] = {};
  return key != nullptr && EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) == 1 && std::strcmp(group, "prime256v1") == 0;
}

std::array<uint8_t, wire::kKeyHashBytes> public_key_hash(EVP_PKEY* key) {
  std::array<uint8_t, wire::kKeyHashBytes> hash{};
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size > 0) {
    const Sha256 whole = sha256({reinterpret_cast<const std::byte*>(der), static_cast<size_t>(size)});
    std::memcpy(hash.data(), whole.data(), hash.size());
  }
  OPENSSL_free(der);
  return hash;
}

}  // namespace exogpu::security
