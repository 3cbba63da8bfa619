#include "node/roles.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "security/role.h"

namespace exogpu::node {
namespace {

using exogpu::testing::expect_error;
using exogpu::testing::TempDir;
using wire::Role;

wire::NodeId node_of(uint8_t n) { return wire::NodeId(std::array<uint8_t, wire::kKeyHashBytes>{n}); }

class RolesTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Roles>> opened(const TempDir& dir) {
    return Roles::open(dir / "roles", security::Certificate::from_pem(authority_.certificate().to_pem(), "a").value());
  }
  std::unique_ptr<Roles> open(const TempDir& dir) { return opened(dir).value(); }
  Result<wire::RoleRecord> set(Roles& roles, uint8_t node, Role role) {
    return roles.set(node_of(node), role, node_of(1), authority_, now_);
  }
  // Node 1 is the owner, 2 and 3 are members.
  void begin(Roles& roles) {
    const std::vector others{node_of(1), node_of(2), node_of(3)};
    ASSERT_TRUE(roles.begin(node_of(1), others, authority_, now_));
  }

  const Roles::WallTime now_ = std::chrono::system_clock::now();
  const security::Authority authority_ = security::Authority::create(now_).value();
};

TEST_F(RolesTest, AClusterOfAnOlderVersionHasOwnersAlone) {
  const TempDir dir;
  const auto roles = open(dir);
  EXPECT_FALSE(roles->in_use());
  EXPECT_EQ(roles->of(node_of(7)), Role::owner);
  expect_error(set(*roles, 2, Role::worker), ErrorCode::failed_precondition, "exogpu roles upgrade");
  begin(*roles);
  EXPECT_EQ(roles->of(node_of(1)), Role::owner);
  EXPECT_EQ(roles->of(node_of(2)), Role::member);
  EXPECT_EQ(roles->of(node_of(7)), std::nullopt) << "nobody has given it one";
  expect_error(roles->begin(node_of(2), {}, authority_, now_), ErrorCode::already_exists, "has roles already");
  EXPECT_EQ(open(dir)->all(), roles->all()) << "after a restart";
}

TEST_F(RolesTest, TheLaterRecordCountsAndAnOwnerRemains) {
  const TempDir dir;
  const auto roles = open(dir);
  begin(*roles);
  expect_error(set(*roles, 1, Role::member), ErrorCode::failed_precondition, "the only owner");
  ASSERT_TRUE(set(*roles, 2, Role::owner));
  ASSERT_TRUE(set(*roles, 1, Role::worker));
  EXPECT_EQ(roles->of(node_of(1)), Role::worker);
  const auto same = set(*roles, 1, Role::worker).value();
  EXPECT_EQ(same.epoch, 5U) << "nothing changed";
}

TEST_F(RolesTest, NodesThatMeetAgreeInWhateverOrder) {
  const TempDir first, second, third;
  const auto a = open(first), b = open(second), c = open(third);
  begin(*a);
  const wire::Roles early = a->all();
  ASSERT_TRUE(set(*a, 2, Role::guest));
  EXPECT_EQ(b->merge(a->all()).size(), 3U);
  EXPECT_TRUE(b->merge(early).empty()) << "what is older undoes nothing";
  EXPECT_EQ(b->of(node_of(2)), Role::guest);
  EXPECT_EQ(c->merge(early).size(), 3U);
  EXPECT_EQ(c->merge(b->all()).size(), 1U);
  EXPECT_EQ(c->all(), a->all());
}

TEST_F(RolesTest, OnlyWhatTheAuthoritySignedCounts) {
  const TempDir dir, other;
  const auto roles = open(dir), others = open(other);
  begin(*roles);
  const wire::RoleRecord record = set(*roles, 2, Role::guest).value();
  const security::Authority foreign = security::Authority::create(now_).value();
  const auto refused = [&](auto change) {
    wire::RoleRecord bad = record;
    change(bad);
    EXPECT_TRUE(others->merge({.list = {bad}}).empty());
  };
  refused([](wire::RoleRecord& bad) { bad.role = Role::owner; });
  refused([](wire::RoleRecord& bad) { bad.node = node_of(8); });
  refused([](wire::RoleRecord& bad) { ++bad.epoch; });
  refused([](wire::RoleRecord& bad) { bad.by = node_of(8); });
  refused([](wire::RoleRecord& bad) { bad.signature[20] ^= std::byte{1}; });
  refused([&](wire::RoleRecord& bad) { bad = security::sign_role(bad, foreign).value(); });
  EXPECT_FALSE(others->in_use());
  EXPECT_EQ(others->merge({.list = {record}}).size(), 1U);
}

TEST_F(RolesTest, ADamagedFileIsNamed) {
  const TempDir dir;
  begin(*open(dir));
  std::ofstream(dir / "roles") << "\xff";
  expect_error(opened(dir), ErrorCode::corrupt, "/roles: ");
}

}  // namespace
}  // namespace exogpu::node
