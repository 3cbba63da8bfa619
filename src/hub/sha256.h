// SHA-256 of bytes that come piece by piece.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace exogpu::hub {

class Sha256 {
 public:
  Sha256();
  void update(std::span<const std::byte> bytes);
  std::string hex();  // ends it: start() before the next update
  void start();       // anew, from nothing

 private:
  struct Free {
    void operator()(EVP_MD_CTX* it) const { EVP_MD_CTX_free(it); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// `text` as 64 lower-case hexadecimal digits, without quotes around them; empty when it is no such thing.
std::string as_sha256(std::string_view text);

}  // namespace exogpu::hub
