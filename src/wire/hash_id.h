// Ids that are hashes: of N bytes, written as hexadecimal digits.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace exogpu::wire {

template <typename Tag, size_t N>
class HashId {
 public:
  constexpr HashId() = default;  // all zeros: of nothing
  constexpr explicit HashId(std::array<uint8_t, N> bytes) : bytes_(bytes) {}

  // Empty when `bytes` are not exactly N.
  static std::optional<HashId> from_bytes(std::span<const std::byte> bytes) {
    if (bytes.size() != N) return std::nullopt;
    HashId hash;
    std::memcpy(hash.bytes_.data(), bytes.data(), N);
    return hash;
  }
  // Reads what text() writes.
  static std::optional<HashId> parse(std::string_view text) {
    if (text.size() != 2 * N) return std::nullopt;
    HashId hash;
    for (size_t i = 0; i < text.size(); ++i) {
      const size_t digit = std::string_view("0123456789abcdef").find(text[i]);
      if (digit == std::string_view::npos) return std::nullopt;
      hash.bytes_[i / 2] = static_cast<uint8_t>(hash.bytes_[i / 2] << 4 | digit);
    }
    return hash;
  }

  std::span<const uint8_t, N> bytes() const { return bytes_; }
  // 2 N hexadecimal digits.
  std::string text() const {
    std::string text;
    for (uint8_t byte : bytes_) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }
  // The first 8 digits: enough for a person, not for a decision.
  std::string short_text() const { return text().substr(0, 8); }

  friend constexpr auto operator<=>(const HashId&, const HashId&) = default;

 private:
  std::array<uint8_t, N> bytes_{};
};

}  // namespace exogpu::wire

template <typename Tag, size_t N>
struct std::hash<exogpu::wire::HashId<Tag, N>> {
  size_t operator()(const exogpu::wire::HashId<Tag, N>& id) const noexcept {
    size_t value;
    std::memcpy(&value, id.bytes().data(), sizeof(value));  // a hash already
    return value;
  }
};
