#include "security/pairing/code.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "security/hash.h"

namespace exogpu::security {

Result<PairingCode> PairingCode::random() {
  constexpr uint32_t kCodes = 1'000'000;
  constexpr uint32_t kFair = UINT32_MAX - UINT32_MAX % kCodes;  // from here on some codes would be more likely
  uint32_t number = kFair;
  while (number >= kFair) {
    std::array<std::byte, sizeof(number)> bytes;
    EXO_CHECK(random_bytes(bytes));
    std::memcpy(&number, bytes.data(), sizeof(number));
  }
  return PairingCode(std::format("{:06}", number % kCodes));
}

Result<PairingCode> PairingCode::parse(std::string_view text) {
  std::string digits;
  for (const char letter : text) {
    if (letter >= '0' && letter <= '9') {
      digits += letter;
    } else if (letter != ' ' && letter != '-' && letter != '\n' && letter != '\r' && letter != '\t') {
      return fail(ErrorCode::invalid_argument, "a pairing code consists of {} digits", kPairingDigits);
    }
  }
  if (digits.size() != kPairingDigits) {
    return fail(ErrorCode::invalid_argument, "a pairing code has {} digits, but this has {}", kPairingDigits,
                digits.size());
  }
  return PairingCode(std::move(digits));
}

}  // namespace exogpu::security
