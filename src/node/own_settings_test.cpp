#include "node/own_settings.h"

#include <gtest/gtest.h>

#include "base/testing/temp_dir.h"
#include "node/host_name.h"
#include "security/files.h"

namespace exogpu::node {
namespace {

using exogpu::testing::TempDir;

TEST(OwnSettings, TheNameThatWasGivenLastCounts) {
  const TempDir state;
  EXPECT_EQ(own_name(state.path(), "").value(), host_name());
  EXPECT_EQ(own_name(state.path(), "desk").value(), "desk");
  ASSERT_TRUE(keep_name(state.path(), "hall", "desk"));
  EXPECT_EQ(own_name(state.path(), "desk").value(), "hall");
  EXPECT_EQ(own_name(state.path(), "lap").value(), "lap") << "--name was changed since";
  ASSERT_TRUE(keep_name(state.path(), "roof", ""));
  EXPECT_EQ(own_name(state.path(), "").value(), "roof");
}

TEST(OwnSettings, TheLimitsThatWereGivenLastCountBesideTheName) {
  const TempDir state;
  const wire::OwnerLimits options{.power_max_w = 90}, changed{.temperature_max_c = 70};
  EXPECT_EQ(own_limits(state.path(), options).value(), options);
  ASSERT_TRUE(keep_name(state.path(), "hall", "desk"));
  EXPECT_EQ(own_limits(state.path(), options).value(), options);
  ASSERT_TRUE(keep_limits(state.path(), changed, options));
  EXPECT_EQ(own_limits(state.path(), options).value(), changed);
  EXPECT_EQ(own_limits(state.path(), {}).value(), wire::OwnerLimits()) << "the options were changed since";
  EXPECT_EQ(own_name(state.path(), "desk").value(), "hall");
  ASSERT_TRUE(keep_name(state.path(), "roof", "desk"));
  ASSERT_TRUE(keep_limits(state.path(), {}, options));
  EXPECT_EQ(own_limits(state.path(), options).value(), wire::OwnerLimits()) << "all were lifted";
  EXPECT_EQ(own_name(state.path(), "desk").value(), "roof");
  EXPECT_EQ(own_limits(state.path(), {.power_max_w = -1}).error().code, ErrorCode::invalid_argument);
}

TEST(OwnSettings, WhatCannotBeReadIsNamed) {
  const TempDir state;
  EXPECT_EQ(own_name(state.path(), "a/b").error().code, ErrorCode::invalid_argument);
  ASSERT_TRUE(security::write_secret(state / "settings", "\xff"));
  const auto read = own_name(state.path(), "desk");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::corrupt);
  EXPECT_TRUE(read.error().message.starts_with((state / "settings").string())) << read.error().message;
}

}  // namespace
}  // namespace exogpu::node
