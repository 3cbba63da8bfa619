// EC-JPAKE on P-256 with SHA-256 (as in RFC 8236 and the Thread specification): two ends that know the same short
// secret agree on a key; one who does not can try one guess in each run, and learns nothing else, now or later.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "security/hash.h"
#include "wire/messages.h"

namespace exogpu::security {

enum class JpakeRole { newcomer, member };

// Each end calls write_one(), read_one(), write_two(), read_two(), key(); the two writes and reads of a round in either
// order. One run. What a read refuses leaves nothing to go on with.
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

  // The same on both ends if they had the same secret. Nothing says yet whether they had.
  Result<Sha256> key();

 private:
  struct State;
  explicit Jpake(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace exogpu::security
