#include "node/access_keys.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/testing/temp_dir.h"

namespace exogpu::node {
namespace {

using exogpu::testing::TempDir;
using namespace std::chrono_literals;

const wire::ClusterId kCluster(std::array<uint8_t, 16>{5});
const WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

std::unique_ptr<AccessKeys> open(const TempDir& dir) { return AccessKeys::open(dir.path(), kCluster).value(); }

KnownKeys known(const AccessKeys& keys) {
  KnownKeys out;
  for (const wire::AccessKey& key : keys.all()) out.emplace(key.id, key);
  return out;
}

void expect_refused(const auto& result, ErrorCode code, std::string_view words) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code);
  EXPECT_TRUE(result.error().message.contains(words)) << result.error().message;
}

TEST(AccessKeys, AKeyIsGoodUntilItIsRevokedOrExpires) {
  const TempDir dir;
  const auto keys = open(dir);
  EXPECT_FALSE(keys->any());
  const auto made = keys->make({.name = "laptop", .scopes = {wire::Scope::chat}, .lifetime = 1h}, kNow);
  ASSERT_TRUE(made);
  EXPECT_TRUE(keys->any());
  EXPECT_EQ(keys->check(made->key, kNow + 59min).value(), made->record);
  expect_refused(keys->check(made->key, kNow + 1h), ErrorCode::unauthenticated, "has expired");
  EXPECT_FALSE(keys->valid(made->record, kNow + 1h));
  expect_refused(keys->check(made->key + "0", kNow), ErrorCode::unauthenticated, "is wrong");
  EXPECT_EQ(open(dir)->check(made->key, kNow).value(), made->record) << "after a restart";

  EXPECT_TRUE(keys->valid(made->record, kNow));
  ASSERT_TRUE(keys->revoke("laptop"));
  EXPECT_FALSE(keys->any());
  EXPECT_FALSE(keys->valid(made->record, kNow));
  expect_refused(keys->check(made->key, kNow), ErrorCode::unauthenticated, "was revoked");
  expect_refused(open(dir)->check(made->key, kNow), ErrorCode::unauthenticated, "was revoked");
  EXPECT_TRUE(keys->revoke(made->record.id.text())) << "once more, by its id";
}

TEST(AccessKeys, ARotatedKeyEndsTheOldSecret) {
  const TempDir dir;
  const auto keys = open(dir);
  const auto made = keys->make({.name = "laptop", .scopes = {wire::Scope::chat}}, kNow).value();
  const auto rotated = keys->rotate("laptop").value();
  expect_refused(keys->check(made.key, kNow), ErrorCode::unauthenticated, "is wrong");
  EXPECT_TRUE(keys->check(rotated.key, kNow));
  EXPECT_FALSE(keys->valid(made.record, kNow));
  expect_refused(keys->rotate("lap"), ErrorCode::not_found, "there is no key lap");
}

TEST(AccessKeys, TermsThatMakeNoSenseAreRefused) {
  const TempDir dir;
  const auto keys = open(dir);
  const auto refused = [&](const AccessKeyTerms& terms, std::string_view words) {
    expect_refused(keys->make(terms, kNow), ErrorCode::invalid_argument, words);
  };
  refused({.name = "", .scopes = {wire::Scope::chat}}, "the name of a key");
  refused({.name = "a\nb", .scopes = {wire::Scope::chat}}, "the name of a key");
  refused({.name = "a", .scopes = {}}, "without a scope");
  refused({.name = "a", .scopes = {wire::Scope::chat}, .models = {""}}, "a model of a key");
  refused({.name = "a", .scopes = {wire::Scope::chat}, .models = std::vector<std::string>(33, "m")}, "at most 32");
  refused({.name = "a", .scopes = {wire::Scope::chat}, .lifetime = 0s}, "at least a second");
  ASSERT_TRUE(keys->make({.name = "a", .scopes = {wire::Scope::chat}}, kNow));
  refused({.name = "a", .scopes = {wire::Scope::chat}}, "there is a key a already");
  ASSERT_TRUE(keys->revoke("a"));
  EXPECT_TRUE(keys->make({.name = "a", .scopes = {wire::Scope::chat}}, kNow)) << "the name is free again";
  expect_refused(keys->revoke("b"), ErrorCode::not_found, "there is no key b");
}

TEST(AccessKeys, AKeyThatCannotBeWrittenIsNotMade) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "access-keys.json");  // in the way
  const auto keys = AccessKeys::open(dir / "none", kCluster).value();
  EXPECT_FALSE(keys->make({.name = "a", .scopes = {wire::Scope::chat}}, kNow));
  EXPECT_FALSE(keys->any());
}

// Nodes that change keys apart from each other agree when they meet, and no revoked key comes back.
RC_GTEST_PROP(AccessKeysProperty, NodesThatMeetAgree, ()) {
  const TempDir first, second;
  const std::unique_ptr<AccessKeys> nodes[] = {open(first), open(second)};
  std::set<std::string> revoked;
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40));
  for (const int step : steps) {
    AccessKeys& keys = *nodes[step % 2];
    const std::string name(1, static_cast<char>('a' + step / 2 % 4));
    switch (step / 8) {
      case 0:
      case 1: (void)keys.make({.name = name, .scopes = {wire::Scope::chat}}, kNow); break;
      case 2: (void)keys.rotate(name); break;
      case 3:
        if (const auto gone = keys.revoke(name)) revoked.insert(gone->id.text());
        break;
      default: RC_ASSERT(keys.merge(known(*nodes[1 - step % 2])).has_value());
    }
  }
  RC_ASSERT(nodes[0]->merge(known(*nodes[1])).has_value());
  RC_ASSERT(nodes[1]->merge(known(*nodes[0])).has_value());
  RC_ASSERT(known(*nodes[0]) == known(*nodes[1]));
  for (const wire::AccessKey& key : nodes[0]->all()) RC_ASSERT(key.revoked == revoked.contains(key.id.text()));
  RC_ASSERT(!nodes[0]->has_news(known(*nodes[1])));
  RC_ASSERT(known(*open(first)) == known(*nodes[0]));
}

}  // namespace
}  // namespace exogpu::node
