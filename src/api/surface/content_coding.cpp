#include "api/surface/content_coding.h"

#define ZLIB_CONST  // its input is not changed
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/result.h"
#include "base/utf8.h"

namespace exogpu::api {

namespace {

constexpr int kZlibOrGzip = 32 + MAX_WBITS;  // by its header
constexpr int kRaw = -MAX_WBITS;

bool equal_words(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

ApiError broken(std::string_view coding) {
  return {.message = std::format("the body is not in the coding \"{}\" that its Content-Encoding names", coding),
          .code = "bad_content_encoding"};
}

// zlib's frame begins with a multiple of 31 that names the method 8.
bool has_zlib_frame(std::string_view body) {
  if (body.size() < 2) return false;
  const auto first = static_cast<unsigned char>(body[0]), second = static_cast<unsigned char>(body[1]);
  return (first & 15) == 8 && (first * 256 + second) % 31 == 0;
}

class Inflater {
 public:
  explicit Inflater(int window_bits) : ready_(inflateInit2(&stream_, window_bits) == Z_OK) {}
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  Parsed<std::string> run(std::string_view body, std::string_view coding, Bytes bytes_max) {
    std::string out;
    std::array<char, 64 * KiB> piece{};
    stream_.next_in = reinterpret_cast<const Bytef*>(body.data());
    stream_.avail_in = static_cast<uInt>(body.size());
    for (int state = Z_OK; ready_ && state != Z_STREAM_END;) {
      stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_.avail_out = static_cast<uInt>(piece.size());
      state = inflate(&stream_, Z_NO_FLUSH);
      const size_t got = piece.size() - stream_.avail_out;
      if (state != Z_OK && state != Z_STREAM_END) return std::unexpected(broken(coding));
      if (out.size() + got > bytes_max) {
        return std::unexpected(ApiError{
            .status = 413,
            .message = std::format("the request's body is longer than {} once decompressed", format_bytes(bytes_max)),
            .code = "body_too_large"});
      }
      out.append(piece.data(), got);
    }
    if (!ready_ || stream_.avail_in > 0) return std::unexpected(broken(coding));
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_;
};

}  // namespace

Parsed<std::string_view> decoded_body(std::string_view body, std::string_view coding, Bytes bytes_max,
                                      std::string& storage) {
  if (coding.empty() || equal_words(coding, "identity") || body.empty()) return body;
  const bool gzip = equal_words(coding, "gzip") || equal_words(coding, "x-gzip");
  const bool deflate = equal_words(coding, "deflate");
  if (!gzip && !deflate) {
    return std::unexpected(
        ApiError{.status = 415,
                 .message = std::format("bodies in the coding \"{}\" are not read; send \"gzip\", \"deflate\" or none",
                                        printable(coding.substr(0, 40))),
                 .code = "unsupported_content_encoding"});
  }
  Inflater inflater(deflate && !has_zlib_frame(body) ? kRaw : kZlibOrGzip);
  EXO_TRY(storage, inflater.run(body, coding, bytes_max));
  return storage;
}

}  // namespace exogpu::api
