// SHA-256, random bytes, and comparison of secrets in constant time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace exogpu::security {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(std::span<const std::byte> bytes);

// HMAC with SHA-256.
Sha256 hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> bytes);

// SHA-256 of bytes that arrive in parts. One thread at a time.
class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  ~Sha256Stream();

  void update(std::span<const std::byte> bytes);
  // The hash of all bytes so far. The stream can be used for new bytes afterwards.
  Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Fills `bytes` from the operating system's source. Errors: internal, if there is none.
Result<void> random_bytes(std::span<std::byte> bytes);

// Takes a time that depends only on the sizes.
bool equal_secrets(std::span<const std::byte> a, std::span<const std::byte> b);

std::string to_hex(std::span<const std::byte> bytes);

}  // namespace exogpu::security
