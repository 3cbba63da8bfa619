// Helpers that the tests of all messages share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "wire/messages.h"

namespace exogpu::wire::testing {

inline NodeId id_of(uint8_t value) {
  std::array<uint8_t, kKeyHashBytes> bytes;
  bytes.fill(value);
  return NodeId(bytes);
}

// The bytes of a generated message.
template <typename Message>
ByteVector bytes_of(const Message& message) {
  ByteVector bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

template <typename Message>
void expect_corrupt(const ByteVector& bytes, std::string_view words) {
  const auto message = decode<Message>(bytes);
  ASSERT_FALSE(message) << "accepted, but expected: " << words;
  EXPECT_EQ(message.error().code, ErrorCode::corrupt) << message.error().message;
  EXPECT_NE(message.error().message.find(words), std::string::npos) << message.error().message;
}

}  // namespace exogpu::wire::testing
