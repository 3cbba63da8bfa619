// Reads little-endian values from untrusted bytes, in order, and never past the end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace exogpu::model {

static_assert(std::endian::native == std::endian::little, "GGUF data is used in place and is little-endian");

// Every read returns whether the bytes were there; a failed read does not move the position.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t at() const { return at_; }
  size_t remaining() const { return bytes_.size() - at_; }

  template <typename T>
  bool read(T& value) {
    if (remaining() < sizeof(T)) return false;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  // A length (u64) and that many bytes; a view of the input.
  bool read_string(std::string_view& text) {
    uint64_t length = 0;
    if (!read(length)) return false;
    if (length > remaining()) {
      at_ -= sizeof(length);
      return false;
    }
    text = {reinterpret_cast<const char*>(bytes_.data()) + at_, static_cast<size_t>(length)};
    at_ += static_cast<size_t>(length);
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

}  // namespace exogpu::model
