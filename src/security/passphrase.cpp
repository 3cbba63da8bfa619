#include "security/passphrase.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>

#include <algorithm>

#include "security/files.h"

namespace exogpu::security {
namespace {

constexpr uint64_t kScryptN = 1 << 14, kScryptR = 8, kScryptP = 1;  // OpenSSL reads no key that takes more memory
constexpr Bytes kPassphraseFileBytesMax = 4 * KiB;
constexpr size_t kOpenedMax = 8;

void overwrite(std::vector<std::byte>& bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace

KeyPassphrase::~KeyPassphrase() {
  OPENSSL_cleanse(text_.data(), text_.size());
  const MutexLock lock(mutex_);
  for (auto& [hash, key] : opened_) overwrite(key);
}

Result<std::shared_ptr<const KeyPassphrase>> KeyPassphrase::read(const std::filesystem::path& file) {
  EXO_TRY(std::string text, read_file(file, kPassphraseFileBytesMax));
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0 || (status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return fail(ErrorCode::permission_denied, "{}: others than its owner may use this passphrase; run: chmod 600 {}",
                file.string(), file.string());
  }
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  if (text.empty()) return fail(ErrorCode::invalid_argument, "{}: its first line has no passphrase", file.string());
  return std::make_shared<const KeyPassphrase>(std::move(text), file.string());
}

Result<std::string> KeyPassphrase::encrypt(const PrivateKey& key) const {
  const Openssl<PKCS8_PRIV_KEY_INFO> plain(EVP_PKEY2PKCS8(key.native()));
  Openssl<X509_ALGOR> how(PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, 0, nullptr, kScryptN, kScryptR, kScryptP));
  Openssl<X509_SIG> sealed(
      plain && how ? PKCS8_set0_pbe(text_.data(), static_cast<int>(text_.size()), plain.get(), how.get()) : nullptr);
  if (sealed) (void)how.release();  // it is a part of the other now
  const Openssl<BIO> bio(BIO_new(BIO_s_mem()));
  if (!sealed || !bio || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) {
    return fail(ErrorCode::internal, "cannot encrypt a key: {}", openssl_words());
  }
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

Result<std::vector<std::byte>> KeyPassphrase::open(std::string_view pem, std::string_view name) const {
  const Openssl<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Openssl<X509_SIG> sealed(PEM_read_bio_PKCS8(bio.get(), nullptr, nullptr, nullptr));
  if (!sealed) return fail(ErrorCode::corrupt, "{}: not a private key ({})", name, openssl_words());
  const Openssl<PKCS8_PRIV_KEY_INFO> plain(PKCS8_decrypt(sealed.get(), text_.data(), static_cast<int>(text_.size())));
  unsigned char* der = nullptr;
  const int size = plain ? i2d_PKCS8_PRIV_KEY_INFO(plain.get(), &der) : 0;
  if (size <= 0) {
    return fail(ErrorCode::unauthenticated, "{}: the passphrase in {} is not the one of this key ({})", name, source_,
                openssl_words());
  }
  const auto* begin = reinterpret_cast<const std::byte*>(der);
  std::vector<std::byte> bytes(begin, begin + size);
  OPENSSL_clear_free(der, static_cast<size_t>(size));
  return bytes;
}

Result<PrivateKey> KeyPassphrase::decrypt(std::string_view pem, std::string_view name) const {
  const Sha256 hash = sha256(std::as_bytes(std::span(pem)));
  const MutexLock lock(mutex_);
  auto known = opened_.find(hash);
  if (known == opened_.end()) {
    EXO_TRY(std::vector<std::byte> opened, open(pem, name));
    if (opened_.size() >= kOpenedMax) {
      for (auto& [old, key] : opened_) overwrite(key);
      opened_.clear();
    }
    known = opened_.emplace(hash, std::move(opened)).first;
  }
  return PrivateKey::from_der(known->second, name);
}

bool is_encrypted_key(std::string_view pem) { return pem.contains("BEGIN ENCRYPTED PRIVATE KEY"); }

}  // namespace exogpu::security
