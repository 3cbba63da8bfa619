#include "wire/access_key.h"

#include <gtest/gtest.h>

#include <vector>

namespace exogpu::wire {
namespace {

TEST(Scopes, AreReadAsTheyAreWritten) {
  for (uint32_t bits = 1; bits < 1U << kScopes.size(); ++bits) {
    const Scopes scopes = Scopes::from_bits(bits);
    EXPECT_EQ(parse_scopes(scopes.text()).value(), scopes) << scopes.text();
  }
  EXPECT_EQ((Scopes{Scope::chat, Scope::cluster_read}).text(), "chat,cluster:read");
  for (const char* bad : {"", "chats", "chat,", "chat embeddings", "Chat"}) {
    const auto read = parse_scopes(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_TRUE(read.error().message.contains("cluster:write")) << read.error().message;
  }
}

TEST(Scopes, OnlyAnAdministratorMayDoWhatIsNotNamed) {
  for (const Scope scope : kScopes) {
    EXPECT_TRUE((Scopes{Scope::admin}).allow(scope));
    EXPECT_TRUE((Scopes{scope}).allow(scope));
    EXPECT_EQ((Scopes{Scope::chat}).allow(scope), scope == Scope::chat);
    EXPECT_FALSE(Scopes().allow(scope));
  }
}

// Whichever order nodes see two records in, they keep the same one.
TEST(AccessKey, ExactlyOneOfTwoRecordsSupersedesTheOther) {
  std::vector<AccessKey> records(1);
  const auto add = [&](auto change) {
    AccessKey next = records.front();
    change(next);
    records.push_back(next);
  };
  add([](AccessKey& key) { key.version = 1; });
  add([](AccessKey& key) { key.version = 2; });
  add([](AccessKey& key) { key.revoked = true; });
  add([](AccessKey& key) { key.name = "a"; });
  add([](AccessKey& key) { key.salt[3] = 1; });
  add([](AccessKey& key) { key.hash[3] = 1; });
  add([](AccessKey& key) { key.scopes = {Scope::chat}; });
  add([](AccessKey& key) { key.models = {"qwen*"}; });
  add([](AccessKey& key) { key.devices = {"desk/*"}; });
  add([](AccessKey& key) { key.expires_s = 1; });
  add([](AccessKey& key) { key.tokens_per_day = 1; });
  for (const AccessKey& a : records) {
    for (const AccessKey& b : records) EXPECT_EQ(supersedes(a, b) + supersedes(b, a), a != b);
  }
  EXPECT_TRUE(supersedes(records[2], records[1]));
  EXPECT_TRUE(supersedes(records[3], records[2])) << "a revocation counts, whatever a node apart did to the key";
}

}  // namespace
}  // namespace exogpu::wire
