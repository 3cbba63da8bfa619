#include "security/join_token.h"

#include <cstring>
#include <vector>

#include "security/hash.h"

namespace exogpu::security {
namespace {

// Base 32 of RFC 4648, in lower case.
constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr size_t kChecksumBytes = 2;  // detects typing mistakes; not a secret
constexpr size_t kTokenBytes = kTokenSecretBytes + wire::kKeyHashBytes + kChecksumBytes;
constexpr size_t kTokenChars = kTokenBytes * 8 / 5;
static_assert(kTokenBytes * 8 % 5 == 0);

using TokenBytes = std::array<std::byte, kTokenBytes>;

void set_checksum(TokenBytes& bytes) {
  const Sha256 hash = sha256(std::span(bytes).first(kTokenBytes - kChecksumBytes));
  std::memcpy(bytes.data() + kTokenBytes - kChecksumBytes, hash.data(), kChecksumBytes);
}

}  // namespace

std::string JoinToken::text() const {
  TokenBytes bytes;
  std::memcpy(bytes.data(), secret.data(), secret.size());
  std::memcpy(bytes.data() + secret.size(), cluster.bytes().data(), wire::kKeyHashBytes);
  set_checksum(bytes);
  std::string text;
  for (size_t digit = 0; digit < kTokenChars; ++digit) {
    if (digit > 0 && digit % 6 == 0) text += '-';
    unsigned value = 0;
    for (size_t bit = digit * 5; bit < digit * 5 + 5; ++bit) {
      value = value << 1 | (std::to_integer<unsigned>(bytes[bit / 8]) >> (7 - bit % 8) & 1);
    }
    text += kDigits[value];
  }
  return text;
}

Result<JoinToken> JoinToken::parse(std::string_view text) {
  TokenBytes bytes{};
  size_t digits = 0;
  for (const char raw : text) {
    if (raw == '-' || raw == ' ' || raw == '\n' || raw == '\r' || raw == '\t') continue;
    const char letter = raw >= 'A' && raw <= 'Z' ? static_cast<char>(raw - 'A' + 'a') : raw;
    const size_t value = kDigits.find(letter);
    if (value == std::string_view::npos) {
      return fail(ErrorCode::invalid_argument,
                  "the token has an invalid character; tokens consist of the letters a to z and the digits 2 "
                  "to 7");
    }
    if (digits < kTokenChars) {
      for (size_t i = 0; i < 5; ++i) {
        const size_t bit = digits * 5 + i;
        if ((value >> (4 - i) & 1) != 0) bytes[bit / 8] |= std::byte{0x80} >> (bit % 8);
      }
    }
    ++digits;
  }
  if (digits != kTokenChars) {
    return fail(ErrorCode::invalid_argument, "the token has {} letters and digits instead of {}; copy all of it",
                digits, kTokenChars);
  }
  TokenBytes expected = bytes;
  set_checksum(expected);
  if (expected != bytes) {
    return fail(ErrorCode::invalid_argument, "the token has a typo; compare it with the original");
  }
  JoinToken token;
  std::memcpy(token.secret.data(), bytes.data(), kTokenSecretBytes);
  token.cluster = *wire::ClusterId::from_bytes(std::span(bytes).subspan(kTokenSecretBytes, wire::kKeyHashBytes));
  return token;
}

}  // namespace exogpu::security
