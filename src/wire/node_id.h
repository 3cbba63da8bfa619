// Who a node is, and which cluster it belongs to.
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

inline constexpr size_t kKeyHashBytes = 16;

// The first 16 bytes of the SHA-256 of a public key (its SubjectPublicKeyInfo, DER). Nobody can choose the id of
// another's key, so it names the holder of the private key.
template <typename Tag>
class KeyHash {
 public:
  constexpr KeyHash() = default;  // all zeros: of no key
  constexpr explicit KeyHash(std::array<uint8_t, kKeyHashBytes> bytes) : bytes_(bytes) {}

  // Empty when `bytes` are not exactly 16.
  static std::optional<KeyHash> from_bytes(std::span<const std::byte> bytes) {
    if (bytes.size() != kKeyHashBytes) return std::nullopt;
    KeyHash hash;
    std::memcpy(hash.bytes_.data(), bytes.data(), kKeyHashBytes);
    return hash;
  }
  // Reads what text() writes.
  static std::optional<KeyHash> parse(std::string_view text) {
    if (text.size() != 2 * kKeyHashBytes) return std::nullopt;
    KeyHash hash;
    for (size_t i = 0; i < text.size(); ++i) {
      const size_t digit = std::string_view("0123456789abcdef").find(text[i]);
      if (digit == std::string_view::npos) return std::nullopt;
      hash.bytes_[i / 2] = static_cast<uint8_t>(hash.bytes_[i / 2] << 4 | digit);
    }
    return hash;
  }

  std::span<const uint8_t, kKeyHashBytes> bytes() const { return bytes_; }
  // 32 hexadecimal digits.
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

  friend constexpr auto operator<=>(const KeyHash&, const KeyHash&) = default;

 private:
  std::array<uint8_t, kKeyHashBytes> bytes_{};
};

using NodeId = KeyHash<struct NodeIdTag>;
using ClusterId = KeyHash<struct ClusterIdTag>;  // of the key of the cluster's authority

}  // namespace exogpu::wire

template <typename Tag>
struct std::hash<exogpu::wire::KeyHash<Tag>> {
  size_t operator()(const exogpu::wire::KeyHash<Tag>& id) const noexcept {
    size_t value;
    std::memcpy(&value, id.bytes().data(), sizeof(value));  // a hash already
    return value;
  }
};
