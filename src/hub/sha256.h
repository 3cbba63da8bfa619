// SHA-256 of a stream of bytes.
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
  std::string hex();  // ends the hash: reset() before the next update()
  void reset();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* it) const { EVP_MD_CTX_free(it); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// `text` as 64 lower-case hexadecimal digits, without quotes around them; empty for any other text.
std::string as_sha256(std::string_view text);

}  // namespace exogpu::hub
