#include "wire/removal.h"

#include <gtest/gtest.h>

#include "proto/cluster.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

Removal some_removal(uint8_t node) {
  return {.node = NodeId(std::array<uint8_t, kKeyHashBytes>{node}),
          .by = NodeId(std::array<uint8_t, kKeyHashBytes>{9}),
          .epoch = uint64_t{1} << 50,
          .removed_s = 1'800'000'000,
          .signature = ByteVector(70, std::byte{5})};
}

TEST(RemovalMessages, ComeBackAsTheyWere) {
  for (const Removals& removals : {Removals{}, Removals{.list = {some_removal(1), some_removal(2)}}}) {
    EXPECT_EQ(decode<Removals>(encode(removals)).value(), removals);
  }
}

TEST(RemovalMessages, WhatNoNodeSendsIsRefused) {
  const auto refused = [](const Removals& removals, std::string_view words) {
    const auto read = decode<Removals>(encode(removals));
    ASSERT_FALSE(read) << words;
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
    EXPECT_TRUE(read.error().message.contains(words)) << read.error().message;
  };
  Removal removal = some_removal(1);
  removal.signature.clear();
  refused({.list = {removal}}, "the signature of a removal is missing");
  removal.signature.resize(kSignatureBytesMax + 1);
  refused({.list = {removal}}, "the signature of a removal has 129 bytes");
  refused({.list = std::vector<Removal>(kRemovalsMax + 1, some_removal(1))}, "at most 1000");
  proto::Removals raw;
  raw.add_list()->set_node("short");
  EXPECT_FALSE(decode<Removals>(serialize(raw)));
}

}  // namespace
}  // namespace exogpu::wire
