#include "security/access_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/testing/temp_dir.h"
#include "security/access_key_store.h"

namespace exogpu::security {
namespace {

using exogpu::testing::TempDir;

const wire::ClusterId kOfKeys(std::array<uint8_t, 16>{5});

MadeAccessKey some_key() {
  wire::AccessKey terms;
  terms.name = "laptop";
  terms.scopes = {wire::Scope::chat, wire::Scope::cluster_read};
  terms.models = {"qwen*"};
  terms.devices = {"desk/*"};
  terms.created_s = 1'700'000'000;
  terms.expires_s = 1'800'000'000;
  terms.requests_per_minute = 60;
  terms.tokens_per_day = uint64_t{1} << 40;
  return make_access_key(terms).value();
}

TEST(AccessKey, OnlyItsOwnTextHasItsSecret) {
  const MadeAccessKey made = some_key(), other = some_key();
  EXPECT_EQ(made.key.size(), 69U);
  EXPECT_NE(made.record.id, other.record.id);
  EXPECT_EQ(access_key_id(made.key), made.record.id);
  EXPECT_TRUE(has_secret_of(made.key, made.record));
  EXPECT_FALSE(has_secret_of(other.key, made.record));
  for (size_t i = made.key.size() - 48; i < made.key.size(); ++i) {
    std::string wrong = made.key;
    wrong[i] = wrong[i] == '0' ? '1' : '0';
    EXPECT_FALSE(has_secret_of(wrong, made.record)) << i;
  }
  for (const std::string& text :
       {std::string(), std::string("exo-"), made.key + "0", made.key.substr(1), "EXO" + made.key.substr(3)}) {
    EXPECT_FALSE(access_key_id(text)) << text;
    EXPECT_FALSE(has_secret_of(text, made.record)) << text;
  }
}

TEST(AccessKey, ARotatedKeyHasAnotherSecretAndALaterRecord) {
  const MadeAccessKey made = some_key();
  const MadeAccessKey rotated = rotate_access_key(made.record).value();
  EXPECT_EQ(rotated.record.id, made.record.id);
  EXPECT_TRUE(wire::supersedes(rotated.record, made.record));
  EXPECT_TRUE(has_secret_of(rotated.key, rotated.record));
  EXPECT_FALSE(has_secret_of(made.key, rotated.record));
}

TEST(AccessKeyStore, KeysComeBackForTheirClusterAlone) {
  const TempDir dir;
  EXPECT_EQ(read_access_keys(dir.path(), kOfKeys).value().size(), 0U);
  const std::vector<wire::AccessKey> keys{some_key().record, some_key().record};
  ASSERT_TRUE(write_access_keys(dir.path(), kOfKeys, keys));
  EXPECT_EQ(read_access_keys(dir.path(), kOfKeys).value(), keys);
  EXPECT_TRUE(read_access_keys(dir.path(), {}).value().empty()) << "the node belongs to another cluster now";
  struct stat status{};
  ASSERT_EQ(stat((dir / "access-keys.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(AccessKeyStore, WhatIsDamagedOrOthersMayReadIsRefusedByName) {
  const TempDir dir;
  const MadeAccessKey made = some_key();
  ASSERT_TRUE(write_access_keys(dir.path(), kOfKeys, {made.record}));
  std::ifstream in(dir / "access-keys.json");
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  EXPECT_FALSE(good.contains(made.key.substr(21))) << "the secret is nowhere";
  for (size_t cut = 0; cut + 3 < good.size(); cut += 7) {
    std::ofstream(dir / "access-keys.json") << good.substr(0, cut);
    const auto read = read_access_keys(dir.path(), kOfKeys);
    ASSERT_FALSE(read) << cut;
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
    EXPECT_TRUE(read.error().message.contains("access-keys.json")) << read.error().message;
  }
  std::ofstream(dir / "access-keys.json") << good;
  ASSERT_EQ(chmod((dir / "access-keys.json").c_str(), 0644), 0);
  EXPECT_EQ(read_access_keys(dir.path(), kOfKeys).error().code, ErrorCode::permission_denied);
}

}  // namespace
}  // namespace exogpu::security
