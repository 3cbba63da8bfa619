#include "node/removals.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temp_dir.h"
#include "security/removal.h"

namespace exogpu::node {
namespace {

using exogpu::testing::TempDir;

wire::NodeId nth_node(uint8_t n) { return wire::NodeId(std::array<uint8_t, wire::kKeyHashBytes>{n}); }

class RemovalsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Removals> open(const TempDir& dir) {
    return Removals::open(dir.path(), security::Certificate::from_pem(authority_.certificate().to_pem(), "a").value())
        .value();
  }
  wire::Removal remove(Removals& list, uint8_t node) {
    return list.remove(nth_node(node), nth_node(99), authority_, now_).value();
  }

  const std::chrono::system_clock::time_point now_ = std::chrono::system_clock::now();
  const security::Authority authority_ = security::Authority::create(now_).value();
};

TEST_F(RemovalsTest, ARemovedNodeStaysRemoved) {
  const TempDir dir;
  const auto list = open(dir);
  EXPECT_TRUE(list->check(nth_node(1)));
  const wire::Removal removal = remove(*list, 1);
  EXPECT_EQ(removal.epoch, 1U);
  EXPECT_EQ(remove(*list, 1), removal) << "once more";
  EXPECT_EQ(remove(*list, 2).epoch, 2U);
  EXPECT_EQ(list->check(nth_node(1)).error().code, ErrorCode::permission_denied);
  EXPECT_TRUE(list->check(nth_node(3)));
  EXPECT_EQ(open(dir)->all(), list->all()) << "after a restart";
}

TEST_F(RemovalsTest, OnlyWhatTheAuthoritySignedCounts) {
  const TempDir dir, other;
  const auto list = open(dir);
  wire::Removal removal = remove(*list, 1);
  const auto others = open(other);
  const security::Authority foreign = security::Authority::create(now_).value();
  const auto refused = [&](const wire::Removal& bad) { EXPECT_TRUE(others->merge({.list = {bad}}).empty()); };
  wire::Removal bad = removal;
  bad.node = nth_node(7);
  refused(bad);
  bad = removal;
  bad.epoch = 9;
  refused(bad);
  bad = removal;
  bad.signature[20] ^= std::byte{1};
  refused(bad);
  refused(security::sign_removal(removal, foreign).value());
  EXPECT_EQ(others->merge({.list = {removal}}).size(), 1U);
  EXPECT_TRUE(others->merge({.list = {removal}}).empty()) << "nothing new";
}

TEST_F(RemovalsTest, AFileThatIsDamagedOrOfAnotherClusterIsNamedOrIgnored) {
  const TempDir dir;
  remove(*open(dir), 1);
  const security::Authority foreign = security::Authority::create(now_).value();
  auto certificate = security::Certificate::from_pem(foreign.certificate().to_pem(), "a").value();
  EXPECT_TRUE(Removals::open(dir.path(), std::move(certificate)).value()->all().list.empty());
  std::ofstream(dir / "removed-nodes") << "\xff";
  const auto damaged =
      Removals::open(dir.path(), security::Certificate::from_pem(authority_.certificate().to_pem(), "a").value());
  ASSERT_FALSE(damaged);
  EXPECT_TRUE(damaged.error().message.contains("removed-nodes")) << damaged.error().message;
}

// Nodes that remove others apart from each other agree once they meet, and nothing is undone.
TEST_F(RemovalsTest, NodesThatMeetAgree) {
  const TempDir first, second;
  const auto a = open(first), b = open(second);
  remove(*a, 1);
  remove(*a, 2);
  remove(*b, 2);
  remove(*b, 3);
  a->merge(b->all());
  b->merge(a->all());
  for (const uint8_t node : {1, 2, 3}) {
    EXPECT_FALSE(a->check(nth_node(node)));
    EXPECT_FALSE(b->check(nth_node(node)));
  }
  EXPECT_EQ(a->all().list.size(), b->all().list.size());
}

}  // namespace
}  // namespace exogpu::node
