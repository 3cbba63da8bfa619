#include "net/duplicate.h"

#include <gtest/gtest.h>

namespace exogpu::net {
namespace {

wire::NodeId node(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> id{};
  id[0] = number;
  return wire::NodeId(id);
}

TEST(DuplicateLink, BothEndsKeepTheSameOneInAnyOrder) {
  const LinkOrigin of_lower{.opener = node(1), .peer_incarnation = 7},
      of_higher{.opener = node(2), .peer_incarnation = 7};
  EXPECT_EQ(judge_later_link(of_higher, of_lower), LaterLink::replace);
  EXPECT_EQ(judge_later_link(of_lower, of_higher), LaterLink::refuse);
}

TEST(DuplicateLink, ASecondOneOfTheSameNodeReplacesItsFirst) {
  const LinkOrigin link{.opener = node(2), .peer_incarnation = 7};
  EXPECT_EQ(judge_later_link(link, link), LaterLink::replace);
}

TEST(DuplicateLink, AnotherIncarnationHasTheEarlierChannelProbed) {
  for (const uint8_t opener : {1, 2}) {
    EXPECT_EQ(
        judge_later_link({.opener = node(1), .peer_incarnation = 7}, {.opener = node(opener), .peer_incarnation = 8}),
        LaterLink::probe);
  }
}

}  // namespace
}  // namespace exogpu::net
