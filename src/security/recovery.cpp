#include "security/recovery.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "base/utf8.h"
#include "security/hash.h"

namespace exogpu::security {
namespace {

constexpr std::string_view kPhraseLabel = "exogpu recovery 1";
constexpr std::string_view kPhraseAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kScalarBytes = 32, kCheckBytes = 3, kPhraseBytes = kScalarBytes + kCheckBytes;
constexpr size_t kPhraseChars = kPhraseBytes * 8 / 5, kPhraseGroup = 4;

// PKCS #8 of a key on P-256, up to the scalar; OpenSSL computes the public part.
constexpr std::array<uint8_t, 35> kScalarPrefix = {
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08,
    0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20};

using PhraseBytes = std::array<std::byte, kPhraseBytes>;

void put_check(PhraseBytes& bytes, std::span<std::byte> into) {
  Sha256Stream stream;
  stream.update(std::as_bytes(std::span(kPhraseLabel)));
  stream.update(std::span(bytes).first(kScalarBytes));
  std::ranges::copy_n(stream.finish().begin(), kCheckBytes, into.begin());
}

// -1: no character of a phrase.
int digit_of(char c) {
  const char upper = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const char meant = upper == 'O' ? '0' : upper == 'I' || upper == 'L' ? '1' : upper;
  const size_t at = kPhraseAlphabet.find(meant);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

Result<std::string> recovery_phrase(const PrivateKey& authority) {
  PhraseBytes bytes{};
  BIGNUM* scalar = nullptr;
  const bool good = EVP_PKEY_get_bn_param(authority.native(), OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 &&
                    BN_bn2binpad(scalar, reinterpret_cast<unsigned char*>(bytes.data()), kScalarBytes) ==
                        static_cast<int>(kScalarBytes);
  BN_clear_free(scalar);
  if (!good) return fail(ErrorCode::internal, "cannot read the authority's key: {}", openssl_words());
  put_check(bytes, std::span(bytes).last(kCheckBytes));
  std::string phrase;
  for (size_t i = 0; i < kPhraseChars; ++i) {
    if (i > 0 && i % kPhraseGroup == 0) phrase += '-';
    unsigned digit = 0;
    for (size_t bit = i * 5; bit < i * 5 + 5; ++bit) {
      digit = digit << 1U | (std::to_integer<unsigned>(bytes[bit / 8]) >> (7 - bit % 8) & 1U);
    }
    phrase += kPhraseAlphabet[digit];
  }
  return phrase;
}

Result<PrivateKey> recover_key(std::string_view phrase) {
  PhraseBytes bytes{};
  size_t chars = 0;
  for (const char c : phrase) {
    if (c == '-' || std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    const int digit = digit_of(c);
    if (digit < 0) {
      return fail(ErrorCode::invalid_argument, "{}: not a character of a recovery phrase",
                  printable(std::string(1, c)));
    }
    for (size_t i = 0; i < 5 && chars < kPhraseChars; ++i) {
      const size_t bit = chars * 5 + i;
      if (digit >> (4 - i) & 1) bytes[bit / 8] |= std::byte(1U << (7 - bit % 8));
    }
    ++chars;
  }
  if (chars != kPhraseChars) {
    return fail(ErrorCode::invalid_argument,
                "the recovery phrase has {} groups of {} characters; these are {} characters",
                kPhraseChars / kPhraseGroup, kPhraseGroup, chars);
  }
  std::array<std::byte, kCheckBytes> check{};
  put_check(bytes, check);
  if (!std::ranges::equal(check, std::span(bytes).last(kCheckBytes))) {
    return fail(ErrorCode::invalid_argument, "the recovery phrase is mistyped: compare it with what was written down");
  }
  std::vector<std::byte> der;
  for (const uint8_t byte : kScalarPrefix) der.push_back(std::byte{byte});
  der.insert(der.end(), bytes.begin(), bytes.begin() + kScalarBytes);
  return PrivateKey::from_der(der, "the recovery phrase");
}

}  // namespace exogpu::security
