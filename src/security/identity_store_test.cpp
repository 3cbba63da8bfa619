#include "security/identity_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "security/testing/now.h"

namespace exogpu::security {
namespace {

using exogpu::testing::expect_error;
using exogpu::testing::TempDir;
using testing::kNow;
namespace fs = std::filesystem;

unsigned mode_of(const fs::path& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

TEST(IdentityStore, AnIdentityThatCannotBeSeenIsNotTakenForNone) {
  const TempDir dir;
  fs::create_directory(dir / "state");
  fs::create_symlink("identity", dir / "state/identity");  // to itself
  const auto retired = IdentityStore(dir / "state").retire();
  ASSERT_FALSE(retired);
  EXPECT_EQ(retired.error().code, ErrorCode::io_error) << retired.error().message;
  fs::remove(dir / "state/identity");
  EXPECT_TRUE(IdentityStore(dir / "state").retire());
}

TEST(IdentityStore, AFirstStartFoundsAClusterAndLaterOnesFindIt) {
  const TempDir dir;
  const IdentityStore store(dir / "a/state");
  EXPECT_FALSE(store.load().value());
  const auto first = store.load_or_found(kNow);
  ASSERT_TRUE(first) << first.error().message;
  const auto second = IdentityStore(dir / "a/state").load_or_found(kNow);
  ASSERT_TRUE(second);
  EXPECT_EQ(first->node(), second->node());
  EXPECT_EQ(first->cluster(), second->cluster());
  EXPECT_TRUE(first->certificate().signed_by(second->authority()));
  const auto authority = store.authority();
  ASSERT_TRUE(authority);
  EXPECT_EQ(authority->cluster(), first->cluster());
  EXPECT_NE(first->node().text(), first->cluster().text());
}

TEST(IdentityStore, OnlyTheOwnerMayRead) {
  const TempDir dir;
  ASSERT_TRUE(IdentityStore(dir / "state").load_or_found(kNow));
  EXPECT_EQ(mode_of(dir / "state"), 0700u);
  EXPECT_EQ(mode_of(dir / "state/identity"), 0700u);
  int files = 0;
  for (const auto& file : fs::directory_iterator(dir / "state/identity")) {
    EXPECT_EQ(mode_of(file.path()), 0600u) << file.path();
    ++files;
  }
  EXPECT_EQ(files, 5);
  for (const auto& remaining : fs::directory_iterator(dir / "state"))
    EXPECT_EQ(remaining.path().filename(), "identity");
}

TEST(IdentityStore, TwoThatStartAtOnceAgree) {
  const TempDir dir;
  std::optional<wire::NodeId> ids[4];
  {
    std::vector<std::jthread> threads;
    for (auto& id : ids) {
      threads.emplace_back([&] {
        const auto identity = IdentityStore(dir / "state").load_or_found(kNow);
        if (identity) id = identity->node();
      });
    }
  }
  for (const auto& id : ids) {
    ASSERT_TRUE(id);
    EXPECT_EQ(*id, *ids[0]);
  }
}

TEST(IdentityStore, ASecretThatOthersMayReadIsRefused) {
  const TempDir dir;
  const IdentityStore store(dir / "state");
  ASSERT_TRUE(store.load_or_found(kNow));
  ASSERT_EQ(chmod((dir / "state/identity/node.key").c_str(), 0644), 0);
  expect_error(store.load(), ErrorCode::permission_denied, "run: chmod 600");
}

TEST(IdentityStore, NamesTheFileThatIsDamaged) {
  const TempDir dir;
  const IdentityStore store(dir / "state");
  const auto home = dir / "state/identity";
  for (const char* name : {"node.key", "node.crt", "authority.crt"}) {
    fs::remove_all(dir / "state");
    ASSERT_TRUE(store.load_or_found(kNow));
    std::ofstream(home / name, std::ios::trunc) << "-----BEGIN nothing\n";
    expect_error(store.load(), ErrorCode::corrupt, (home / name).string() + ": not a ");
    expect_error(store.load_or_found(kNow), ErrorCode::corrupt, name);
    fs::remove(home / name);
    expect_error(store.load_or_found(kNow), ErrorCode::not_found, (home / name).string() + ": no such file");
    std::ofstream(home / name) << std::string(70000, 'x');
    fs::permissions(home / name, fs::perms::owner_read | fs::perms::owner_write);
    expect_error(store.load(), ErrorCode::resource_exhausted, "larger than 64.0 KiB");
  }
}

TEST(IdentityStore, PartsOfTwoNodesAreRefused) {
  const TempDir dir;
  const IdentityStore one(dir / "one"), other(dir / "other");
  ASSERT_TRUE(one.load_or_found(kNow) && other.load_or_found(kNow));
  const auto swap = [&](const char* name) {
    fs::copy_file(dir / "other/identity" / name, dir / "one/identity" / name, fs::copy_options::overwrite_existing);
  };
  swap("node.key");
  expect_error(one.load(), ErrorCode::corrupt, "the node's key and its certificate do not belong together");
  swap("node.crt");
  expect_error(one.load(), ErrorCode::corrupt, "is not signed by its cluster's authority");
  swap("authority.crt");
  ASSERT_TRUE(one.load());
  expect_error(one.authority(), ErrorCode::corrupt, "do not belong together");
}

TEST(IdentityStore, AnIdentityOfAnotherClusterReplacesTheOldOneOnlyWhenAsked) {
  const TempDir dir;
  const IdentityStore store(dir / "state");
  ASSERT_TRUE(store.load_or_found(kNow));
  const auto authority = Authority::create(kNow);
  ASSERT_TRUE(authority);
  const Membership given{.identity = Identity::issue(*authority, kNow).value(), .authority = {}};
  expect_error(store.adopt(given, false), ErrorCode::already_exists, "already exists");
  EXPECT_NE(store.load().value()->node(), given.identity.node());
  ASSERT_TRUE(store.adopt(given, true));
  EXPECT_EQ(store.load().value()->node(), given.identity.node());
  EXPECT_TRUE(fs::exists(dir / "state/identity.before-1/authority.key"));
  expect_error(store.authority(), ErrorCode::failed_precondition, "is no owner of its cluster");
}

TEST(IdentityStore, StoresAReceivedAuthoritysKeyLikeItsOwn) {
  const TempDir dir;
  const IdentityStore founder(dir / "founder"), store(dir / "state");
  ASSERT_TRUE(founder.load_or_found(kNow) && store.load_or_found(kNow));
  auto authority = founder.authority().value();
  Identity identity = Identity::issue(authority, kNow).value();
  const Membership given{.identity = std::move(identity), .authority = std::move(authority)};
  ASSERT_TRUE(store.adopt(given, true));
  EXPECT_EQ(mode_of(dir / "state/identity/authority.key"), 0600u);
  EXPECT_EQ(store.authority().value().cluster(), founder.authority().value().cluster());
  // Again: the previous identity is complete, and nothing else remains.
  ASSERT_TRUE(store.adopt({.identity = Identity::issue(*given.authority, kNow).value(), .authority = {}}, true));
  EXPECT_FALSE(fs::exists(dir / "state/identity/authority.key"));
  for (const char* before : {"identity.before-1", "identity.before-2"}) {
    for (const char* name : {"node.key", "node.crt", "authority.crt", "authority.key"}) {
      EXPECT_TRUE(fs::exists(dir / "state" / before / name)) << before << "/" << name;
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir / "state"), {}), 3);
}

TEST(IdentityStore, AFailedAdoptionChangesNothing) {
  const TempDir dir;
  const IdentityStore store(dir / "state");
  const auto before = store.load_or_found(kNow).value().node();
  const auto authority = Authority::create(kNow).value();
  const Membership given{.identity = Identity::issue(authority, kNow).value(), .authority = {}};
  // A folder in which the new identity cannot be written.
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit none{.rlim_cur = 10, .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const auto adopted = store.adopt(given, true);
  setrlimit(RLIMIT_FSIZE, &old);
  (void)signal(SIGXFSZ, handler);
  expect_error(adopted, ErrorCode::io_error, "cannot write");
  EXPECT_EQ(store.load().value()->node(), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir / "state"), {}), 1);
}

TEST(IdentityStore, RenewsWhatIsDueWhereItHasTheAuthoritysKey) {
  const TempDir dir;
  const IdentityStore store(dir / "state");
  const auto identity = store.load_or_found(kNow).value();
  EXPECT_FALSE(store.renew_by_itself(identity, kNow + std::chrono::days(18)).value());
  const WallTime later = kNow + std::chrono::days(45);  // the node was off for as long
  const auto renewed = store.renew_by_itself(identity, later).value();
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->node(), identity.node());
  EXPECT_TRUE(renewed->certificate().validity().includes(later));
  EXPECT_EQ(store.load().value()->certificate().to_pem(), renewed->certificate().to_pem());
  fs::remove(dir / "state/identity/authority.key");
  EXPECT_FALSE(store.renew_by_itself(*renewed, later + std::chrono::days(45)).value());
}

TEST(IdentityStore, AnOwnerCanLoseTheKeyAndGetItAgain) {
  const TempDir dir;
  const IdentityStore store(dir / "state"), other(dir / "other");
  ASSERT_TRUE(store.load_or_found(kNow) && other.load_or_found(kNow));
  EXPECT_TRUE(fs::exists(store.roles_file())) << "a cluster that is founded has roles";
  const auto key = PrivateKey::from_der(store.authority().value().key().to_der(), "copy").value();
  ASSERT_TRUE(store.forget_authority());
  expect_error(store.authority(), ErrorCode::failed_precondition, "is no owner of its cluster");
  expect_error(store.keep_authority(other.authority().value().key()), ErrorCode::corrupt, "do not belong together");
  ASSERT_TRUE(store.keep_authority(key));
  EXPECT_EQ(store.authority().value().cluster(), store.load().value()->cluster());
}

TEST(IdentityStore, TakesNoCertificateOfAnotherKeyOrAuthority) {
  const TempDir dir;
  const IdentityStore store(dir / "state");
  const auto identity = store.load_or_found(kNow).value();
  const auto other = Identity::issue(store.authority().value(), kNow).value();
  expect_error(store.renew(other.certificate()), ErrorCode::corrupt, "do not belong together");
  const auto request = make_certificate_request(identity.key()).value();
  const auto foreign = Authority::create(kNow).value().sign(request, kNow).value();
  expect_error(store.renew(foreign), ErrorCode::corrupt, "not signed by its cluster's authority");
  EXPECT_EQ(store.load().value()->certificate().to_pem(), identity.certificate().to_pem());
}

}  // namespace
}  // namespace exogpu::security
