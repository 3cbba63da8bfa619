// The passphrase that encrypts a node's private keys on its disk.
//
// A key's file then has PKCS #8, "BEGIN ENCRYPTED PRIVATE KEY": AES-256-CBC under a key that scrypt (N = 2^14, r = 8,
// p = 1, 16 MiB) makes of the passphrase. `openssl pkey` reads it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "security/hash.h"
#include "security/key.h"

namespace exogpu::security {

// Thread-safe. Overwrites its memory when it is destroyed.
class KeyPassphrase {
 public:
  // `source`: where it is from, for messages.
  KeyPassphrase(std::string text, std::string source) : text_(std::move(text)), source_(std::move(source)) {}
  ~KeyPassphrase();
  KeyPassphrase(const KeyPassphrase&) = delete;
  KeyPassphrase& operator=(const KeyPassphrase&) = delete;

  // The first line of a file. Its group may read it, as the group of a systemd credential does by its access list.
  // Errors: those of read_file(); permission_denied (others may read it), invalid_argument (it is empty).
  static Result<std::shared_ptr<const KeyPassphrase>> read(const std::filesystem::path& file);

  // The content of a key's file. Takes some 50 ms. Errors: internal.
  Result<std::string> encrypt(const PrivateKey& key) const;
  // Takes as long the first time only: what was decrypted is kept, as the node keeps its key.
  // Errors: unauthenticated (another passphrase), corrupt (not a key), unsupported (another kind of key).
  Result<PrivateKey> decrypt(std::string_view pem, std::string_view name) const;

 private:
  Result<std::vector<std::byte>> open(std::string_view pem, std::string_view name) const;
  std::string text_;
  const std::string source_;
  mutable Mutex mutex_;
  mutable std::map<Sha256, std::vector<std::byte>> opened_ EXO_GUARDED_BY(mutex_);  // PKCS #8, by the file's hash
};

// Whether a key's file needs a passphrase.
bool is_encrypted_key(std::string_view pem);

}  // namespace exogpu::security
