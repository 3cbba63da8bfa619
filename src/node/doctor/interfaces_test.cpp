#include "node/doctor/interfaces.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace exogpu::node {
namespace {

Interface wired() {
  return {.name = "eth0",
          .up = true,
          .connected = true,
          .multicast = true,
          .addresses = {{"10.0.0.2", 24}, {"fe80::2%eth0", 64}}};
}
Interface loopback() {
  return {.name = "lo", .up = true, .connected = true, .loopback = true, .addresses = {{"127.0.0.1", 8}}};
}
Interface tunnel() {
  return {.name = "wg0", .up = true, .connected = true, .tunnel = true, .addresses = {{"10.9.0.1", 32}}};
}

Level worst(std::vector<Interface> interfaces) {
  const auto findings = judge_interfaces(interfaces);
  return findings.empty() ? Level::ok : std::ranges::max(findings, {}, &Finding::level).level;
}

TEST(Interfaces, OneThatCarriesMulticastIsEnough) {
  EXPECT_EQ(worst({loopback(), wired()}), Level::ok);
  EXPECT_EQ(worst({loopback(), wired(), tunnel()}), Level::note);
  EXPECT_EQ(worst({loopback()}), Level::problem);
  EXPECT_EQ(worst({loopback(), tunnel()}), Level::problem);
}

TEST(Interfaces, WhatIsMissingIsNamed) {
  Interface one = wired();
  one.multicast = false;
  const auto findings = judge_interfaces(std::vector{one, [] {
                                                       auto other = wired();
                                                       other.name = "eth1";
                                                       return other;
                                                     }()});
  ASSERT_EQ(findings.size(), 2);
  EXPECT_EQ(findings[0].level, Level::problem);
  EXPECT_TRUE(findings[0].remedy.contains("ip link set eth0 multicast on")) << findings[0].remedy;

  one = wired();
  one.addresses.clear();
  EXPECT_EQ(worst({one}), Level::problem);
  EXPECT_EQ(worst({one, wired()}), Level::note);
  one = wired();
  one.connected = false;
  EXPECT_EQ(worst({one}), Level::problem);
  one = wired();
  one.up = false;
  const auto off = judge_interfaces(std::vector{one});
  ASSERT_EQ(off.size(), 1);
  EXPECT_TRUE(off[0].remedy.contains("eth0")) << off[0].remedy;
}

TEST(Interfaces, WhichNetworkAnAddressIsIn) {
  const std::vector here{loopback(), wired()};
  EXPECT_TRUE(in_own_network(here, "10.0.0.200"));
  EXPECT_FALSE(in_own_network(here, "10.0.1.2"));
  EXPECT_TRUE(in_own_network(here, "fe80::77%eth0"));
  EXPECT_FALSE(in_own_network(here, "fd00::1"));
  EXPECT_FALSE(in_own_network(here, "desk"));
  EXPECT_EQ(own_addresses_text(here), "10.0.0.2, fe80::2%eth0");
}

TEST(Interfaces, ThisMachineHasALoopback) {
  const auto found = read_interfaces();
  ASSERT_TRUE(found) << found.error().message;
  const auto lo = std::ranges::find(*found, true, &Interface::loopback);
  ASSERT_NE(lo, found->end());
  EXPECT_FALSE(lo->usable());
}

}  // namespace
}  // namespace exogpu::node
