#include "wire/stream.h"

#include <gtest/gtest.h>

namespace exogpu::wire {
namespace {

StreamRead some_read() {
  return {.request = 7,
          .stream = StreamId(0xFEDCBA9876543210),
          .owner = std::string(kStreamOwnerBytes, '\xFF'),
          .from = 1ULL << 40,
          .bytes_max = 1000,
          .stop = true};
}

TEST(StreamMessages, ComeBackAsTheyWere) {
  EXPECT_EQ(decode<StreamRead>(encode(some_read())).value(), some_read());
  StreamBytes bytes{.request = 7, .type = "text/event-stream", .offset = 5, .bytes = std::string("a\0\xFF", 3)};
  EXPECT_EQ(decode<StreamBytes>(encode(bytes)).value(), bytes);
  bytes.ended = true;
  bytes.failure = Error{ErrorCode::not_found, "there is no such stream"};
  EXPECT_EQ(decode<StreamBytes>(encode(bytes)).value(), bytes);
}

TEST(StreamMessages, WhatNoNodeSendsIsRefused) {
  StreamRead read = some_read();
  read.owner.pop_back();
  EXPECT_EQ(decode<StreamRead>(encode(read)).error().code, ErrorCode::corrupt);
  read = some_read();
  read.bytes_max = UINT32_MAX;
  EXPECT_EQ(decode<StreamRead>(encode(read))->bytes_max, kStreamReadBytesMax);
  for (const StreamBytes& bytes :
       {StreamBytes{.type = "text/plain\r\nX: y"}, StreamBytes{.type = std::string(101, 'x')},
        StreamBytes{.bytes = std::string(kStreamReadBytesMax + 1, 'x')}}) {
    EXPECT_EQ(decode<StreamBytes>(encode(bytes)).error().code, ErrorCode::corrupt);
  }
  EXPECT_FALSE(decode<StreamRead>(std::vector<std::byte>{std::byte{0xFF}}));
  EXPECT_FALSE(decode<StreamBytes>(std::vector<std::byte>{std::byte{0xFF}}));
}

}  // namespace
}  // namespace exogpu::wire
