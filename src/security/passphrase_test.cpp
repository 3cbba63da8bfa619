#include "security/passphrase.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "security/identity_store.h"
#include "security/testing/now.h"

namespace exogpu::security {
namespace {

using exogpu::testing::TempDir;
using testing::kNow;
namespace fs = std::filesystem;

std::shared_ptr<const KeyPassphrase> passphrase_of(std::string text) {
  return std::make_shared<const KeyPassphrase>(std::move(text), "a test");
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(KeyPassphrase, OpensWhatItEncrypted) {
  const PrivateKey key = PrivateKey::generate().value();
  const std::string text = passphrase_of("correct horse")->encrypt(key).value();
  EXPECT_TRUE(is_encrypted_key(text));
  EXPECT_FALSE(is_encrypted_key(key.to_pem()));
  EXPECT_NE(text, passphrase_of("correct horse")->encrypt(key).value()) << "a salt of its own each time";
  const auto same = passphrase_of("correct horse");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(same->decrypt(text, "node.key").value().to_der(), key.to_der());
  for (const char* wrong : {"correct horsf", "correct hors", "correct horse ", "x"}) {
    exogpu::testing::expect_error(passphrase_of(wrong)->decrypt(text, "node.key"), ErrorCode::unauthenticated,
                                  "node.key: the passphrase in a test is not the one of this key");
  }
  exogpu::testing::expect_error(same->decrypt("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "node.key"),
                                ErrorCode::corrupt, "not a private key");
}

TEST(KeyPassphrase, IsTheFirstLineOfAFileOfItsOwner) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value();
  std::ofstream(dir / "good") << "correct horse\nanother line\n";
  ASSERT_EQ(::chmod((dir / "good").c_str(), 0640), 0);
  const auto read = KeyPassphrase::read(dir / "good");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE((*read)->decrypt(passphrase_of("correct horse")->encrypt(key).value(), "node.key"));
  for (const mode_t mode : {0644, 0660, 0602}) {
    ASSERT_EQ(::chmod((dir / "good").c_str(), mode), 0);
    exogpu::testing::expect_error(KeyPassphrase::read(dir / "good"), ErrorCode::permission_denied, "chmod 600");
  }
  std::ofstream(dir / "empty") << "\nsecret\n";
  ASSERT_EQ(::chmod((dir / "empty").c_str(), 0600), 0);
  exogpu::testing::expect_error(KeyPassphrase::read(dir / "empty"), ErrorCode::invalid_argument, "no passphrase");
  exogpu::testing::expect_error(KeyPassphrase::read(dir / "missing"), ErrorCode::not_found, "missing");
  std::ofstream(dir / "large") << std::string(5000, 'x');
  ASSERT_EQ(::chmod((dir / "large").c_str(), 0600), 0);
  exogpu::testing::expect_error(KeyPassphrase::read(dir / "large"), ErrorCode::resource_exhausted, "larger");
}

TEST(KeyPassphrase, AStoreIsEncryptedOnItsFirstUseAndNeedsItFromThenOn) {
  const TempDir dir;
  const fs::path state = dir / "state", node = state / "identity/node.key",
                 authority = state / "identity/authority.key";
  const Identity plain = IdentityStore(state).load_or_found(kNow).value();
  EXPECT_FALSE(is_encrypted_key(content_of(node)));
  const IdentityStore locked(state, passphrase_of("correct horse"));
  EXPECT_EQ(locked.load().value()->node(), plain.node());
  for (const fs::path& file : {node, authority}) {
    EXPECT_TRUE(is_encrypted_key(content_of(file))) << file;
    EXPECT_EQ(fs::status(file).permissions() & fs::perms::all, fs::perms::owner_read | fs::perms::owner_write);
  }
  const std::string before = content_of(node);
  EXPECT_EQ(locked.load_or_found(kNow).value().node(), plain.node());
  EXPECT_EQ(locked.authority().value().cluster(), plain.cluster());
  EXPECT_EQ(content_of(node), before) << "encrypted once";
  exogpu::testing::expect_error(IdentityStore(state).load(), ErrorCode::unauthenticated, "--key-passphrase-file");
  exogpu::testing::expect_error(IdentityStore(state).load_or_found(kNow), ErrorCode::unauthenticated, "node.key");
  exogpu::testing::expect_error(IdentityStore(state).authority(), ErrorCode::unauthenticated, "authority.key");
  const IdentityStore other(state, passphrase_of("wrong"));
  exogpu::testing::expect_error(other.load(), ErrorCode::unauthenticated, "is not the one of this key");
  exogpu::testing::expect_error(other.authority(), ErrorCode::unauthenticated, "is not the one of this key");
  EXPECT_EQ(content_of(node), before) << "nothing was changed by it";
}

TEST(KeyPassphrase, NoKeyIsEverWrittenWithoutIt) {
  const TempDir dir;
  const auto passphrase = passphrase_of("correct horse");
  const IdentityStore founder(dir / "a", passphrase);
  const Identity first = founder.load_or_found(kNow).value();
  EXPECT_TRUE(is_encrypted_key(content_of(dir / "a/identity/authority.key")));
  const Authority authority = founder.authority().value();
  const IdentityStore member(dir / "b", passphrase);
  ASSERT_TRUE(member.adopt({.identity = Identity::issue(authority, kNow).value(), .authority = {}}, false));
  ASSERT_TRUE(member.keep_authority(authority.key()));
  EXPECT_EQ(member.authority().value().cluster(), first.cluster());
  size_t keys = 0;
  for (const auto& file : fs::recursive_directory_iterator(dir.path())) {
    if (file.path().extension() != ".key") continue;
    ++keys;
    EXPECT_TRUE(is_encrypted_key(content_of(file.path()))) << file.path();
  }
  EXPECT_EQ(keys, 4U);
}

}  // namespace
}  // namespace exogpu::security
