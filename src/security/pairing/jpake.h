// EC-JPAKE on P-256 with SHA-256 (RFC 8236 and the Thread specification): two ends with the same short secret agree on
// a key. An end without it can test one guess per run, and learns nothing else, then or later.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "security/hash.h"
#include "wire/messages.h"

namespace exogpu::security {

enum class JpakeRole { newcomer, member };

// Each end calls write_one(), read_one(), write_two(), read_two() and key(); write and read of a round in either order.
// One run only; after a failed read the object cannot be used.
// Errors of reading: corrupt. Of the others: internal.
class Jpake {
 public:
  static Result<Jpake> begin(JpakeRole role, std::string_view secret);
  Jpake(Jpake&&) noexcept;
  Jpake& operator=(Jpake&&) noexcept;
  ~Jpake();

  Result<wire::ByteVector> write_one();
  Result<void> read_one(std::span<const std::byte> bytes);
  Result<wire::ByteVector> write_two();
  Result<void> read_two(std::span<const std::byte> bytes);

  // The same on both ends if they had the same secret, which this call does not check.
  Result<Sha256> key();

 private:
  struct State;
  explicit Jpake(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace exogpu::security
