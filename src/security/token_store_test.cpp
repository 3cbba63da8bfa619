#include "security/token_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/testing/temp_dir.h"
#include "security/hash.h"

namespace exogpu::security {
namespace {

using exogpu::testing::TempDir;
using namespace std::chrono_literals;

const wire::ClusterId kCluster(std::array<uint8_t, 16>{5});
const WallTime kNewYear{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

void expect_refused(const Result<std::optional<wire::Role>>& result, std::string_view words) {
  ASSERT_FALSE(result) << "accepted, but expected: " << words;
  EXPECT_EQ(result.error().code, ErrorCode::unauthenticated);
  EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
}

TEST(TokenStore, ATokenServesAsOftenAndAsLongAsItMay) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  const auto twice = store.issue(kCluster, {.lifetime = 1h, .uses = 2}, kNewYear);
  const auto once = store.issue(kCluster, {.lifetime = 1h, .uses = 1}, kNewYear);
  ASSERT_TRUE(twice && once);
  EXPECT_NE(twice->secret, once->secret);
  EXPECT_TRUE(store.redeem(once->secret, kCluster, kNewYear + 59min));
  expect_refused(store.redeem(once->secret, kCluster, kNewYear + 59min), "used up");
  EXPECT_TRUE(store.redeem(twice->secret, kCluster, kNewYear));
  expect_refused(store.redeem(twice->secret, kCluster, kNewYear + 1h), "expired");
  EXPECT_TRUE(TokenStore(dir / "state").redeem(twice->secret, kCluster, kNewYear)) << "another program sees the same";
  expect_refused(store.redeem(std::array<std::byte, kTokenSecretBytes>{}, kCluster, kNewYear),
                 "does not know this token");
}

TEST(TokenStore, ATokenGivesTheRoleThatItWasMadeFor) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  const auto plain = store.issue(kCluster, {}, kNewYear),
             guest = store.issue(kCluster, {.role = wire::Role::guest}, kNewYear);
  ASSERT_TRUE(plain && guest);
  EXPECT_EQ(TokenStore(dir / "state").redeem(guest->secret, kCluster, kNewYear).value(), wire::Role::guest);
  EXPECT_EQ(store.redeem(plain->secret, kCluster, kNewYear).value(), std::nullopt);
}

TEST(TokenStore, RevokedTokensAreGone) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  const auto token = store.issue(kCluster, {}, kNewYear);
  ASSERT_TRUE(token && store.revoke_all());
  expect_refused(store.redeem(token->secret, kCluster, kNewYear), "does not know this token");
}

TEST(TokenStore, ATokenIsForItsClusterAlone) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  const auto token = store.issue(kCluster, {}, kNewYear);
  ASSERT_TRUE(token);
  const wire::ClusterId joined_since(std::array<uint8_t, 16>{6});
  expect_refused(store.redeem(token->secret, joined_since, kNewYear), "does not know this token");
  EXPECT_TRUE(store.redeem(token->secret, kCluster, kNewYear));
}

TEST(TokenStore, StoresNoSecretAndOnlyTheOwnerMayRead) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  const auto token = store.issue(kCluster, {}, kNewYear);
  ASSERT_TRUE(token);
  struct stat status{};
  ASSERT_EQ(stat((dir / "state/tokens.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  std::ifstream file(dir / "state/tokens.json");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str().find(to_hex(token->secret)), std::string::npos);
  Sha256Stream hash;
  hash.update(token->secret);
  hash.update(std::as_bytes(kCluster.bytes()));
  EXPECT_NE(text.str().find(to_hex(hash.finish())), std::string::npos);
}

TEST(TokenStore, RefusesImpossibleTerms) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  for (const TokenTerms& terms : {TokenTerms{.lifetime = 1h, .uses = 0}, TokenTerms{.lifetime = 0s, .uses = 1},
                                  TokenTerms{.lifetime = std::chrono::years(2), .uses = 1}}) {
    const auto token = store.issue(kCluster, terms, kNewYear);
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, ErrorCode::invalid_argument);
  }
}

TEST(TokenStore, NamesADamagedFile) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  ASSERT_TRUE(store.issue(kCluster, {}, kNewYear));
  for (const char* content : {"", "{", "[]", R"({"tokens": 1})", R"({"tokens": [{"sha256": 1}]})",
                              R"({"tokens": [{"sha256": "a", "expires": 1, "uses_remaining": -1}]})"}) {
    std::ofstream(dir / "state/tokens.json") << content;
    const auto result = store.redeem(std::array<std::byte, kTokenSecretBytes>{}, kCluster, kNewYear);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::corrupt) << content;
    EXPECT_TRUE(result.error().message.contains("tokens.json: not a list of tokens")) << result.error().message;
  }
}

TEST(TokenStore, ConcurrentCallsCountEachUseOnce) {
  const TempDir dir;
  const TokenStore store(dir / "state");
  const auto token = store.issue(kCluster, {.lifetime = 1h, .uses = 10}, kNewYear);
  ASSERT_TRUE(token);
  std::atomic<int> accepted = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 5; ++n) accepted += store.redeem(token->secret, kCluster, kNewYear).has_value();
      });
    }
  }
  EXPECT_EQ(accepted, 10);
}

}  // namespace
}  // namespace exogpu::security
