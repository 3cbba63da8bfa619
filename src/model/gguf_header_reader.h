// The reader that the parsers of a GGUF header share: bounded, and with words for what it finds wrong.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/units.h"
#include "base/utf8.h"
#include "model/byte_reader.h"

namespace exogpu::model {

// Borrows the file's bytes and its name.
class HeaderReader : public ByteReader {
 public:
  // Four times what the largest vocabularies take. Bounds the memory that a hostile file can make the parsers take,
  // which is a small multiple of the bytes they read.
  static constexpr Bytes kHeaderMax = 64 * MiB;

  HeaderReader(std::span<const std::byte> file, std::string_view name)
      : ByteReader(file.first(std::min<size_t>(file.size(), kHeaderMax))), file_(file), name_(name) {}

  std::span<const std::byte> file() const { return file_; }

  template <typename... Args>
  std::unexpected<Error> error(ErrorCode code, std::format_string<Args...> text, Args&&... args) const {
    return fail(code, "{}: {}", name_, std::format(text, std::forward<Args>(args)...));
  }
  template <typename... Args>
  std::unexpected<Error> corrupt(std::format_string<Args...> text, Args&&... args) const {
    return error(ErrorCode::corrupt, text, std::forward<Args>(args)...);
  }

  // The bytes end before `what` is complete.
  std::unexpected<Error> cut_off(std::string_view what) const {
    if (file_.size() > kHeaderMax) {
      return corrupt("{} does not end within the first {}, more than any model needs; the file is damaged", what,
                     format_bytes(kHeaderMax));
    }
    return corrupt("the file ends inside {}, after byte {}; the download is incomplete or the file is damaged", what,
                   format_count(at()));
  }

  // Whether `count` things of at least so many bytes can follow. Ask before making room for them.
  Result<void> plausible(uint64_t count, size_t bytes_each, std::string_view what) const {
    if (count <= remaining() / bytes_each) return {};
    return corrupt("announces {} {}, more than fit in its {}; the download is incomplete or the file is damaged",
                   format_count(count), what, format_bytes(file_.size()));
  }

  // Keys and names: not empty, not absurdly long, UTF-8.
  Result<void> usable_name(std::string_view name, std::string_view what) const {
    if (name.empty()) return corrupt("a {} before byte {} is empty; the file is damaged", what, format_count(at()));
    if (name.size() > kNameMax) {
      return corrupt("a {} before byte {} is {} bytes long; the file is damaged", what, format_count(at()),
                     format_count(name.size()));
    }
    if (!is_utf8(name)) {
      return corrupt("the {} \"{}\" is not valid UTF-8; the file is damaged", what, printable(name.substr(0, 80)));
    }
    return {};
  }

 private:
  static constexpr size_t kNameMax = 65535;

  std::span<const std::byte> file_;
  std::string_view name_;
};

}  // namespace exogpu::model
