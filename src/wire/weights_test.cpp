#include "wire/weights.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "proto/weights.pb.h"
#include "wire/proto_coding.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

using namespace testing;

ContentId some_content() {
  std::array<uint8_t, kContentIdBytes> bytes;
  bytes.fill(0xC5);
  return ContentId(bytes);
}

TEST(WeightsMessages, RoundTrip) {
  const WeightsQuery query{.content = some_content()};
  EXPECT_EQ(decode<WeightsQuery>(encode(query)).value(), query);
  for (const std::optional<uint32_t> object : {std::optional<uint32_t>(), {0}, {17}, {UINT32_MAX - 1}}) {
    const WeightsRequest request{
        .transfer = TransferId(UINT64_MAX), .content = some_content(), .object = object, .from = uint64_t{1} << 40};
    EXPECT_EQ(decode<WeightsRequest>(encode(request)).value(), request);
  }
  const WeightsStop stop{.transfer = TransferId(3)};
  EXPECT_EQ(decode<WeightsStop>(encode(stop)).value(), stop);

  const AvailableObjects available{.manifest_bytes = 77, .objects = {std::byte{5}, std::byte{0}}};
  const auto decoded =
      decode<WeightsAvailability>(encode(WeightsAvailability{.content = some_content(), .answer = available}));
  ASSERT_TRUE(decoded && decoded->answer);
  EXPECT_EQ(decoded->content, some_content());
  EXPECT_EQ(*decoded->answer, available);
  const auto none = decode<WeightsAvailability>(
      encode(WeightsAvailability{.content = some_content(), .answer = fail(ErrorCode::not_found, "nothing")}));
  ASSERT_TRUE(none);
  ASSERT_FALSE(none->answer);
  EXPECT_EQ(none->answer.error().code, ErrorCode::not_found);
  EXPECT_EQ(none->answer.error().message, "nothing");

  const auto refusal = decode<WeightsRefusal>(encode(WeightsRefusal{
      .transfer = TransferId(9), .reason = {.code = ErrorCode::io_error, .message = std::string(5000, 'x')}}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->transfer, TransferId(9));
  EXPECT_EQ(refusal->reason.code, ErrorCode::io_error);
  EXPECT_EQ(refusal->reason.message.size(), kReasonCharsMax);
}

TEST(WeightsMessages, WhatIsWrongIsRefused) {
  const ByteVector rubbish(20, std::byte{0xFF});
  expect_corrupt<WeightsQuery>(rubbish, "broken");
  expect_corrupt<WeightsAvailability>(rubbish, "broken");
  expect_corrupt<WeightsRequest>(rubbish, "broken");
  expect_corrupt<WeightsRefusal>(rubbish, "broken");
  expect_corrupt<WeightsStop>(rubbish, "broken");
  expect_corrupt<WeightsQuery>({}, "content id");
  expect_corrupt<WeightsRequest>({}, "content id");

  proto::WeightsAvailability decoded;
  decoded.set_content_id(std::string(31, 'x'));
  expect_corrupt<WeightsAvailability>(serialize(decoded), "content id");
  decoded.set_content_id(std::string(32, 'x'));
  expect_corrupt<WeightsAvailability>(serialize(decoded), "manifest of 0 bytes");
  decoded.set_manifest_bytes(kManifestBytesMax + 1);
  expect_corrupt<WeightsAvailability>(serialize(decoded), "manifest of");
  decoded.set_manifest_bytes(kManifestBytesMax);
  EXPECT_TRUE(decode<WeightsAvailability>(serialize(decoded)));
  decoded.set_objects(std::string(kObjectsMax / 8 + 1, 'x'));
  expect_corrupt<WeightsAvailability>(serialize(decoded), "objects");
}

}  // namespace
}  // namespace exogpu::wire
