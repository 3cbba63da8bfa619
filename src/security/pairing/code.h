// The six digits that one device shows and a person types on the other.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::security {

inline constexpr size_t kPairingDigits = 6;

class PairingCode {
 public:
  // One of a million codes, with equal probability. Errors: internal.
  static Result<PairingCode> random();
  // Accepts a space or hyphen between digits. Errors: invalid_argument.
  static Result<PairingCode> parse(std::string_view text);

  const std::string& digits() const { return digits_; }
  // For display: "123 456".
  std::string text() const { return digits_.substr(0, 3) + " " + digits_.substr(3); }

  friend bool operator==(const PairingCode&, const PairingCode&) = default;

 private:
  explicit PairingCode(std::string digits) : digits_(std::move(digits)) {}
  std::string digits_;
};

}  // namespace exogpu::security
