#include "wire/audit.h"

#include <gtest/gtest.h>

#include "proto/cluster.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

AuditPoint point_of(uint64_t number) {
  return {.number = number, .hash = AuditHash(std::array<uint8_t, 32>{static_cast<uint8_t>(number), 7})};
}

TEST(AuditMessages, ComeBackAsTheyWere) {
  const AuditHead head{.point = point_of(uint64_t{1} << 60)};
  EXPECT_EQ(decode<AuditHead>(encode(head)).value(), head);
  for (const AuditAnchors& anchors : {AuditAnchors{}, AuditAnchors{.points = {point_of(1), point_of(9)}}}) {
    EXPECT_EQ(decode<AuditAnchors>(encode(anchors)).value(), anchors);
  }
}

TEST(AuditMessages, WhatNoNodeSendsIsRefused) {
  EXPECT_EQ(decode<AuditHead>({}).error().code, ErrorCode::corrupt) << "without a hash";
  proto::AuditHead head;
  head.mutable_point()->set_hash("short");
  EXPECT_EQ(decode<AuditHead>(serialize(head)).error().code, ErrorCode::corrupt);
  const AuditAnchors many{.points = std::vector<AuditPoint>(kAuditPointsMax + 1, point_of(1))};
  const auto refused = decode<AuditAnchors>(encode(many));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("at most 128")) << refused.error().message;
}

}  // namespace
}  // namespace exogpu::wire
