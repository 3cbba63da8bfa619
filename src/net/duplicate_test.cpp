#include "net/duplicate.h"

#include <gtest/gtest.h>

namespace exogpu::net {
namespace {

wire::NodeId node(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> id{};
  id[0] = number;
  return wire::NodeId(id);
}

TEST(DuplicateLink, BothEndsKeepTheSameOneWhicheverTheySawFirst) {
  const LinkOrigin of_lower{.opener = node(1), .peer_incarnation = 7},
      of_higher{.opener = node(2), .peer_incarnation = 7};
  EXPECT_TRUE(second_link_replaces(of_higher, of_lower));
  EXPECT_FALSE(second_link_replaces(of_lower, of_higher));
}

TEST(DuplicateLink, ASecondOneOfTheSameNodeReplacesItsFirst) {
  const LinkOrigin link{.opener = node(2), .peer_incarnation = 7};
  EXPECT_TRUE(second_link_replaces(link, link));
}

TEST(DuplicateLink, APeerThatWasStartedAnewHasLostTheFirst) {
  EXPECT_TRUE(
      second_link_replaces({.opener = node(1), .peer_incarnation = 7}, {.opener = node(2), .peer_incarnation = 8}));
}

}  // namespace
}  // namespace exogpu::net
