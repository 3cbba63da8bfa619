#include "wire/node_settings.h"

#include <gtest/gtest.h>

#include "proto/cluster.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

TEST(NodeSettingsMessage, ComesBackAsItWas) {
  for (const NodeSettings& settings :
       {NodeSettings{}, NodeSettings{.name = "desk"}, NodeSettings{.name = "büro 2", .name_option = "desk"},
        NodeSettings{.limits = LimitChanges{}, .limit_options = {.power_max_w = 90}},
        NodeSettings{.limits = LimitChanges{.set = {.temperature_max_c = 80}, .lifted = {Limit::memory}}}}) {
    EXPECT_EQ(decode<NodeSettings>(encode(settings)).value(), settings);
  }
}

TEST(NodeSettingsMessage, ANameThatNoNodeCanHaveIsRefused) {
  for (const std::string& name : {std::string(), std::string("a/b"), std::string("a,b"), std::string("a:b"),
                                  std::string("a\nb"), std::string("\xff"), std::string(1000, 'a')}) {
    EXPECT_EQ(check_node_name(name).error().code, ErrorCode::invalid_argument) << name;
    proto::NodeSettings raw;
    raw.set_name(name);
    EXPECT_EQ(decode<NodeSettings>(serialize(raw)).error().code, ErrorCode::corrupt) << name;
  }
  EXPECT_TRUE(check_node_name("desk").has_value());
  proto::NodeSettings raw;
  raw.set_name_option("\x1b");
  EXPECT_FALSE(decode<NodeSettings>(serialize(raw)));
}

TEST(NodeSettingsMessage, WhatIsNoLimitIsRefused) {
  proto::NodeSettings raw;
  raw.mutable_limits()->set_temperature_max_c(500);
  EXPECT_EQ(decode<NodeSettings>(serialize(raw)).error().code, ErrorCode::corrupt);
  raw.mutable_limits()->clear_temperature_max_c();
  EXPECT_TRUE(decode<NodeSettings>(serialize(raw)).has_value());
  raw.add_limits_lifted(static_cast<uint32_t>(kLimitLast) + 1);
  EXPECT_EQ(decode<NodeSettings>(serialize(raw)).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace exogpu::wire
