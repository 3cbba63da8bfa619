#include "wire/version.h"

#include <gtest/gtest.h>

namespace exogpu::wire {
namespace {

Versions versions(std::string program, uint32_t min, uint32_t max) {
  return {.program = std::move(program), .protocol_min = min, .protocol_max = max};
}

TEST(Version, TheNewestCommonProtocolIsSpoken) {
  EXPECT_EQ(negotiate(versions("0.1.0", 1, 1), versions("0.1.0", 1, 1)).value(), 1u);
  EXPECT_EQ(negotiate(versions("0.3.0", 1, 3), versions("0.2.0", 2, 2)).value(), 2u);
  EXPECT_EQ(negotiate(versions("0.2.0", 2, 2), versions("0.5.0", 2, 5)).value(), 2u);
  EXPECT_EQ(negotiate(own_versions(), own_versions()).value(), own_versions().protocol_max);
}

TEST(Version, BothVersionsAreNamedWhenNoneIsCommon) {
  const auto old_side = negotiate(versions("0.1.0", 1, 1), versions("0.4.0", 2, 3));
  ASSERT_FALSE(old_side);
  EXPECT_EQ(old_side.error().code, ErrorCode::unsupported);
  EXPECT_EQ(old_side.error().message,
            "this node runs exogpu 0.1.0 (protocol 1), the other exogpu 0.4.0 (protocols 2 to 3), and they have no "
            "protocol in common; update this node");
  const auto new_side = negotiate(versions("0.4.0", 2, 3), versions("0.1.0", 1, 1));
  ASSERT_FALSE(new_side);
  EXPECT_NE(new_side.error().message.find("update the other node"), std::string::npos) << new_side.error().message;
}

}  // namespace
}  // namespace exogpu::wire
