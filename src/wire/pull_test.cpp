#include "wire/pull.h"

#include <gtest/gtest.h>

#include "proto/cluster.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

constexpr uint64_t kLarge = uint64_t{1} << 50;

TEST(PullMessages, ComeBackAsTheyWere) {
  EXPECT_EQ(decode<PullQuery>(encode(PullQuery{.request = kLarge})).value(), PullQuery{.request = kLarge});
  for (const PullRoom& room : {PullRoom{.request = 1}, PullRoom{.request = 2, .bytes_free = kLarge}}) {
    EXPECT_EQ(decode<PullRoom>(encode(room)).value(), room);
  }
  const PullModel model{.request = 3, .source = "org/repo:Q4_K_M"};
  EXPECT_EQ(decode<PullModel>(encode(model)).value(), model);
  EXPECT_EQ(decode<PullCancel>(encode(PullCancel{.request = 4})).value(), PullCancel{.request = 4});
  PullReport report{.asker = NodeId(std::array<uint8_t, kKeyHashBytes>{1, 2, 3}),
                    .request = 5,
                    .source = "org/repo:Q4_K_M",
                    .file = 1,
                    .files = 2,
                    .done = kLarge,
                    .total = kLarge + 1};
  EXPECT_EQ(decode<PullReport>(encode(report)).value(), report);
  report.ended = true;
  report.model = "repo-Q4_K_M";
  EXPECT_EQ(decode<PullReport>(encode(report)).value(), report);
  report.failure = Error{ErrorCode::not_found, "the hub does not have it"};
  EXPECT_EQ(decode<PullReport>(encode(report)).value(), report);
}

TEST(PullMessages, WhatNoNodeSendsIsRefused) {
  proto::PullModel model;
  model.set_source("a\x1b");
  EXPECT_EQ(decode<PullModel>(serialize(model)).error().code, ErrorCode::corrupt);
  model.set_source(std::string(kPullSourceCharsMax + 1, 'a'));
  EXPECT_EQ(decode<PullModel>(serialize(model)).error().code, ErrorCode::corrupt);
  proto::PullReport report;
  report.set_asker("short");
  EXPECT_EQ(decode<PullReport>(serialize(report)).error().code, ErrorCode::corrupt);
  EXPECT_FALSE(decode<PullRoom>(std::vector<std::byte>{std::byte{0xFF}}));
}

}  // namespace
}  // namespace exogpu::wire
