#include "wire/role.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"
#include "proto/cluster.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

using exogpu::testing::expect_error;

RoleRecord some_role(uint8_t node, Role role) {
  return {.node = NodeId(std::array<uint8_t, kKeyHashBytes>{node}),
          .role = role,
          .by = NodeId(std::array<uint8_t, kKeyHashBytes>{9}),
          .epoch = uint64_t{1} << 50,
          .set_s = 1'800'000'000,
          .signature = ByteVector(70, std::byte{5})};
}

TEST(RoleMessages, ComeBackAsTheyWere) {
  Roles roles;
  for (const Role role : kRoles) roles.list.push_back(some_role(static_cast<uint8_t>(role), role));
  EXPECT_EQ(decode<Roles>(encode(roles)).value(), roles);
  EXPECT_EQ(decode<Roles>(encode(Roles{})).value(), Roles{});
  for (const AuthorityKey& key : {AuthorityKey{}, AuthorityKey{.key = ByteVector(138, std::byte{3})}}) {
    EXPECT_EQ(decode<AuthorityKey>(encode(key)).value(), key);
  }
}

TEST(RoleMessages, WhatNoNodeSendsIsRefused) {
  proto::Roles raw;
  raw.add_list()->set_role(1);
  EXPECT_FALSE(decode<Roles>(serialize(raw))) << "no node";
  for (const uint32_t role : {0U, 5U, 257U}) {
    proto::Roles of = [] {
      proto::Roles out;
      const ByteVector good = encode(Roles{.list = {some_role(1, Role::guest)}});
      EXPECT_TRUE(out.ParseFromArray(good.data(), static_cast<int>(good.size())));
      return out;
    }();
    of.mutable_list(0)->set_role(role);
    expect_error(decode<Roles>(serialize(of)), ErrorCode::corrupt, std::format("the role {}", role));
  }
  expect_error(decode<Roles>(encode(Roles{.list = std::vector(kRolesMax + 1, some_role(1, Role::guest))})),
               ErrorCode::corrupt, "at most 2000");
  expect_error(decode<AuthorityKey>(encode(AuthorityKey{.key = ByteVector(kPrivateKeyBytesMax + 1)})),
               ErrorCode::corrupt, "1,025");
}

TEST(RoleText, IsReadAsItIsWritten) {
  for (const Role role : kRoles) EXPECT_EQ(parse_role(to_string(role)).value(), role);
  expect_error(parse_role("admin"), ErrorCode::invalid_argument, "owner, member, worker and guest");
}

TEST(RoleText, OfTwoRecordsOneCounts) {
  const RoleRecord member = some_role(1, Role::member), guest = some_role(1, Role::guest);
  RoleRecord later = member;
  later.epoch += 1;
  EXPECT_TRUE(supersedes(later, guest) && !supersedes(guest, later));
  EXPECT_TRUE(supersedes(guest, member) && !supersedes(member, guest)) << "fewer rights count";
  EXPECT_FALSE(supersedes(member, member));
}

}  // namespace
}  // namespace exogpu::wire
