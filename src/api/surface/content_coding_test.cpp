#include "api/surface/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <format>

namespace exogpu::api {
namespace {

constexpr int kGzip = 16 + MAX_WBITS, kZlib = MAX_WBITS, kRaw = -MAX_WBITS;

std::string compressed(std::string text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Decoded {
  unsigned status = 200;
  std::string text;
};

Decoded decoded(std::string_view body, std::string_view coding, Bytes bytes_max = 1 * MiB) {
  std::string storage;
  const auto result = decoded_body(body, coding, bytes_max, storage);
  if (!result) return {.status = result.error().status, .text = result.error().message};
  return {.text = std::string(*result)};
}

TEST(ContentCoding, BodiesAreDecompressed) {
  const std::string text(200'000, 'x');
  EXPECT_EQ(decoded(compressed(text, kGzip), "gzip").text, text);
  EXPECT_EQ(decoded(compressed(text, kGzip), "X-GZIP").text, text);
  EXPECT_EQ(decoded(compressed(text, kZlib), "deflate").text, text);
  EXPECT_EQ(decoded(compressed(text, kRaw), "Deflate").text, text);
  EXPECT_EQ(decoded(text, "").text, text);
  EXPECT_EQ(decoded(text, "identity").text, text);
}

TEST(ContentCoding, WhatCannotBeReadIsNamed) {
  const Decoded other = decoded("x", "br");
  EXPECT_EQ(other.status, 415U);
  EXPECT_NE(other.text.find("\"br\""), std::string::npos) << other.text;
  EXPECT_EQ(decoded("x", "gzip, gzip").status, 415U);
  EXPECT_EQ(decoded("this is no gzip", "gzip").status, 400U);
  const std::string whole = compressed("text", kGzip);
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(decoded(whole.substr(0, size), "gzip").status, 400U) << size;
  }
  EXPECT_EQ(decoded(whole + "more", "gzip").status, 400U);
}

TEST(ContentCoding, ABombIsRefused) {
  const std::string bomb = compressed(std::string(10 << 20, '\0'), kGzip);
  EXPECT_LT(bomb.size(), 20'000U);
  const Decoded refused = decoded(bomb, "gzip");
  EXPECT_EQ(refused.status, 413U);
  EXPECT_NE(refused.text.find("1.00 MiB"), std::string::npos) << refused.text;
}

}  // namespace
}  // namespace exogpu::api
