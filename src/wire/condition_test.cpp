#include "wire/condition.h"

#include <gtest/gtest.h>

#include <functional>

#include "wire/cluster_coding.h"

namespace exogpu::wire {
namespace {

NodeId node_number(uint8_t number) {
  std::array<uint8_t, kKeyHashBytes> bytes{};
  bytes[0] = number;
  return NodeId(bytes);
}

NodeCondition measured_condition() {
  NodeCondition condition;
  condition.devices = {{.device = "cuda0", .load_percent = {}, .temperature_c = {}, .others_percent = 45}};
  condition.speeds = {{.device = "cuda0", .type = "q4_K", .content = "0af1", .percent = {.few = 55, .many = 400}}};
  condition.links = {{.from = node_number(3), .to = node_number(4), .percent = {.few = 60, .many = 70}}};
  condition.owner = {.reserved = "it is night", .circuit = "kitchen", .circuit_w = 2000};
  condition.limits = {.power_max_w = 90};
  return condition;
}

proto::NodeCondition encoded() {
  proto::NodeCondition out;
  put(out, measured_condition());
  return out;
}

TEST(NodeCondition, WhatIsMeasuredAndWhatItsOwnerWantsTravels) {
  EXPECT_EQ(condition_of(encoded()).value(), measured_condition());
  proto::NodeCondition empty;
  put(empty, {});
  EXPECT_EQ(empty.ByteSizeLong(), 0U);
  EXPECT_EQ(condition_of(empty).value(), NodeCondition());
}

TEST(NodeCondition, WhatCannotBeIsRefused) {
  const auto refused = [](const std::function<void(proto::NodeCondition&)>& spoil, std::string_view words) {
    proto::NodeCondition condition = encoded();
    spoil(condition);
    const auto decoded = condition_of(condition);
    ASSERT_FALSE(decoded) << words;
    EXPECT_EQ(decoded.error().code, ErrorCode::corrupt);
    EXPECT_NE(decoded.error().message.find(words), std::string::npos) << decoded.error().message;
  };
  refused([](auto& c) { c.mutable_devices(0)->set_others_percent(101); }, "what others use of a device is 101 %");
  refused([](auto& c) { c.mutable_speeds(0)->set_few_percent(9); }, "a device is measured at 9 and 400 %");
  refused([](auto& c) { c.mutable_speeds(0)->set_many_percent(401); }, "a device is measured at 55 and 401 %");
  refused([](auto& c) { c.mutable_speeds(0)->set_type("\n"); }, "the type of a measured speed");
  refused([](auto& c) { c.mutable_links(0)->set_few_percent(0); }, "a link is measured at 0 and 70 %");
  refused([](auto& c) { c.mutable_links(0)->set_to("x"); }, "the end of a measured link");
  refused([](auto& c) { c.mutable_owner()->set_circuit_w(-1); }, "a circuit of -1 W");
  refused([](auto& c) { c.mutable_owner()->set_reserved("\n"); }, "why devices are reserved");
  refused([](auto& c) { c.mutable_limits()->set_power_max_w(-1); }, "a power of -1 W");
  refused(
      [](auto& c) {
        while (c.speeds_size() <= static_cast<int>(kSpeedsMax)) *c.add_speeds() = c.speeds(0);
      },
      "the measured speeds of a node");
}

}  // namespace
}  // namespace exogpu::wire
