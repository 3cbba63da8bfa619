#include "wire/group_start.h"

#include <gtest/gtest.h>

#include <limits>

#include "proto/group.pb.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

using namespace testing;

MemberStart some_start() {
  return {.group = GroupId(UINT64_MAX),
          .rank = 1,
          .members = {{.node = id_of(1), .name = "desk", .addresses = {"10.0.0.1"}, .link_port = 7766, .api_url = ""},
                      {.node = id_of(2),
                       .name = "laptop",
                       .addresses = {"fe80::1", "10.0.0.2"},
                       .link_port = 65535,
                       .api_url = "http://laptop:8080"}},
          .device = "cpu",
          .load = {}};
}

MemberStart some_load() {
  MemberStart start = some_start();
  start.load = MemberLoad{
      .content = "abc", .layers = {2, 5}, .model_layers = 5, .settings = {.sequences = 3}, .shares = {1.0, 0.25}};
  return start;
}

TEST(GroupStart, RoundTrip) {
  for (const MemberHello& hello :
       {MemberHello(some_start()), MemberHello(some_load()), MemberHello(MemberMeet{.group = GroupId(7), .rank = 3})})
    EXPECT_EQ(decode<MemberHello>(encode(hello)).value(), hello);
  MemberDevices devices;
  devices.node.self = some_start().members[1];
  EXPECT_EQ(decode<MemberDevices>(encode(devices)).value().node.self, devices.node.self);
}

TEST(GroupStart, WhatIsWrongIsRefused) {
  expect_corrupt<MemberHello>({}, "not known here");
  const auto refused_as = [](const MemberStart& start, std::string_view words) {
    expect_corrupt<MemberHello>(encode(MemberHello(start)), words);
  };
  MemberStart start = some_start();
  start.rank = 2;
  refused_as(start, "a group of 2 has no other member 2");
  start.rank = 0;
  refused_as(start, "has no other member 0");
  start = some_load();
  start.load->layers = {2, 6};
  refused_as(start, "layers 2 to 6 of 5");
  start = some_load();
  start.load->shares = {1.0};
  refused_as(start, "2 members are not so many positive numbers");
  start.load->shares = {1.0, std::numeric_limits<double>::infinity()};
  refused_as(start, "2 members are not so many positive numbers");
  start.load->shares = {1.0, 1.0};
  start.load->settings.context = 0;
  refused_as(start, "no context");
}

}  // namespace
}  // namespace exogpu::wire
