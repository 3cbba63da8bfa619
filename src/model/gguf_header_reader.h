// The reader of the GGUF header parsers: bounded, with messages for damaged files.
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

// The file's bytes and name must outlive the reader.
class HeaderReader : public ByteReader {
 public:
  // Four times the size of the largest vocabularies. Bounds the memory that a hostile file can make the parsers use,
  // which is a small multiple of the bytes read.
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

  // Fails if `count` entries of at least so many bytes cannot follow. To be called before allocating memory for them.
  Result<void> plausible(uint64_t count, size_t bytes_each, std::string_view what) const {
    if (count <= remaining() / bytes_each) return {};
    return corrupt("announces {} {}, more than fit in its {}; the download is incomplete or the file is damaged",
                   format_count(count), what, format_bytes(file_.size()));
  }

  // Checks that a key or name is not empty, not extremely long, and UTF-8.
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
