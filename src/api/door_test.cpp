#include "api/door.h"

#include <gtest/gtest.h>

#include "api/routes.h"
#include "base/testing/temp_dir.h"

namespace exogpu::api {
namespace {

using exogpu::testing::TempDir;
using namespace std::chrono_literals;

class DoorTest : public ::testing::Test {
 protected:
  std::string make(const node::AccessKeyTerms& terms) {
    return keys_->make(terms, std::chrono::system_clock::now()).value().key;
  }
  Parsed<Principal> admit(std::string_view key, std::optional<wire::Scope> scope = wire::Scope::chat) {
    return door_.admit({.host = "localhost:8080", .api_key = key, .address = "10.0.0.9", .from_this_machine = local_},
                       scope, now_);
  }
  void expect_refused(const Parsed<Principal>& result, unsigned status, std::string_view words) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().status, status);
    EXPECT_TRUE(result.error().message.contains(words)) << result.error().message;
  }

  TempDir state_;
  std::unique_ptr<node::AccessKeys> keys_ = node::AccessKeys::open(state_.path(), {}).value();
  ServerOptions options_;
  Door door_{options_, *keys_};
  bool local_ = false;
  Door::Time now_{1h};
};

TEST_F(DoorTest, ProgramsOfThisMachineNeedNoKeyAndOthersDo) {
  local_ = true;
  EXPECT_FALSE(admit("", wire::Scope::admin).value().key);
  local_ = false;
  expect_refused(admit(""), 401, "is missing");
  expect_refused(admit("sesame"), 401, "is wrong");
  options_.no_auth = true;
  EXPECT_TRUE(admit("", wire::Scope::admin));
  options_.api_keys = {"sesame"};
  expect_refused(admit(""), 401, "is missing");
  local_ = true;
  expect_refused(admit(""), 401, "is missing");
  EXPECT_FALSE(admit("sesame", wire::Scope::admin).value().key);
}

TEST(RoleOfTheNode, AWorkerTakesNoRequestsAndAGuestChangesNothing) {
  using wire::Role;
  using wire::Scope;
  const auto offered = [](Role role, const char* method, std::optional<Scope> scope) {
    return check_role(role, Route{.path = "/x", .method = method, .handle = nullptr, .scope = scope}).has_value();
  };
  for (const Role role : {Role::owner, Role::member}) EXPECT_TRUE(offered(role, "POST", Scope::admin));
  EXPECT_FALSE(offered(Role::worker, "POST", Scope::chat));
  EXPECT_FALSE(offered(Role::worker, "GET", Scope::chat));
  EXPECT_FALSE(offered(Role::worker, "GET", Scope::models));
  EXPECT_TRUE(offered(Role::worker, "GET", Scope::cluster_read));
  EXPECT_TRUE(offered(Role::guest, "POST", Scope::chat));
  EXPECT_TRUE(offered(Role::guest, "POST", Scope::embeddings));
  for (const Role role : {Role::worker, Role::guest}) {
    EXPECT_FALSE(offered(role, "POST", Scope::models));
    EXPECT_FALSE(offered(role, "POST", Scope::cluster_write));
    EXPECT_FALSE(offered(role, "POST", Scope::admin)) << "keys, letting devices in";
    EXPECT_TRUE(offered(role, "POST", {})) << "what every key may";
  }
}

TEST_F(DoorTest, AKeyMayDoWhatItsScopesSay) {
  const std::string key = make({.name = "laptop", .scopes = {wire::Scope::chat, wire::Scope::models}});
  EXPECT_EQ(admit(key).value().key->name, "laptop");
  EXPECT_TRUE(admit(key, std::nullopt));
  expect_refused(admit(key, wire::Scope::admin), 403, "it has the scopes chat,models, and this needs admin");
  local_ = true;
  expect_refused(admit(key, wire::Scope::embeddings), 403, "this needs embeddings");
  expect_refused(admit(key.substr(0, key.size() - 1) + "x"), 401, "is wrong");
}

TEST_F(DoorTest, ARevokedKeyIsNotWelcome) {
  const std::string key = make({.name = "laptop", .scopes = {wire::Scope::chat}});
  const Principal principal = admit(key).value();
  EXPECT_TRUE(door_.welcome(principal));
  EXPECT_TRUE(door_.welcome({}));
  ASSERT_TRUE(keys_->revoke("laptop"));
  EXPECT_FALSE(door_.welcome(principal));
  expect_refused(admit(key), 401, "was revoked");
}

TEST_F(DoorTest, RequestsAreCountedAndFlowOff) {
  const std::string key = make({.name = "laptop", .scopes = {wire::Scope::chat}, .requests_per_minute = 3});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(admit(key)) << i;
  const auto refused = admit(key);
  expect_refused(refused, 429, "3 requests a minute");
  EXPECT_EQ(retry_after_s(refused.error()), 20);
  now_ += 20s;
  EXPECT_TRUE(admit(key));
  expect_refused(admit(key), 429, "3 requests a minute");
  now_ += 24h;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(admit(key)) << i;
  expect_refused(admit(key), 429, "3 requests a minute");
}

TEST_F(DoorTest, TokensAreCountedAndFlowOff) {
  const std::string key = make({.name = "laptop", .scopes = {wire::Scope::chat}, .tokens_per_day = 2400});
  const Principal principal = admit(key).value();
  door_.count_tokens(principal, 2399, now_);
  EXPECT_TRUE(admit(key));
  door_.count_tokens(principal, 101, now_);
  const auto refused = admit(key);
  expect_refused(refused, 429, "2400 tokens a day");
  EXPECT_EQ(retry_after_s(refused.error()), 3600);
  now_ += 1h + 1s;
  EXPECT_TRUE(admit(key));
}

TEST_F(DoorTest, WrongKeysCostTimeAndRightOnesOfTheClusterDoNot) {
  const std::string key = make({.name = "laptop", .scopes = {wire::Scope::chat}});
  options_.api_keys = {"sesame"};
  for (uint32_t i = 0; i <= kAttemptsFree; ++i) expect_refused(admit(std::format("guess {}", i)), 401, "is wrong");
  const auto refused = admit("guess");
  expect_refused(refused, 429, "too many wrong API keys");
  EXPECT_EQ(retry_after_s(refused.error()), 1);
  expect_refused(admit("sesame"), 429, "too many wrong API keys");
  EXPECT_TRUE(admit(key)) << "it cannot be guessed";
  expect_refused(admit(""), 401, "is missing");
  now_ += 1s;
  EXPECT_TRUE(admit("sesame"));
}

// A page of a site whose name points here sends no origin with what it reads.
TEST_F(DoorTest, AForeignHostNeedsAKey) {
  const auto from = [&](std::string_view host, std::string_view key = "") {
    return door_.admit({.host = host, .api_key = key, .from_this_machine = true}, wire::Scope::chat, now_);
  };
  for (const char* host : {"", "localhost:8080", "127.0.0.1", "[::1]:8080", "192.168.1.5:80", "attic", "attic.local"}) {
    EXPECT_TRUE(from(host)) << host;
  }
  expect_refused(from("rebound.example.com:8080"), 403, "--origin");
  expect_refused(from("localhost.example.com"), 403, "--origin");
  EXPECT_TRUE(from("rebound.example.com", make({.name = "a", .scopes = {wire::Scope::chat}})));
  options_.origins = {"https://chat.example.com"};
  EXPECT_TRUE(from("chat.example.com:443"));
  expect_refused(from("example.com"), 403, "--origin");
}

TEST(Patterns, AStarStandsForAnyCharacters) {
  for (const auto& [pattern, name] : {std::pair("qwen*", "qwen"),
                                      {"qwen*", "qwen3-8b"},
                                      {"*", ""},
                                      {"*b", "qwen-8b"},
                                      {"a*b*c", "a-b-b-c"},
                                      {"**", "x"},
                                      {"same", "same"}}) {
    EXPECT_TRUE(fits(pattern, name)) << pattern << " " << name;
  }
  for (const auto& [pattern, name] :
       {std::pair("qwen*", "Qwen3"), {"", "x"}, {"*b", "bc"}, {"a*b*c", "a-c-b"}, {"same", "samee"}}) {
    EXPECT_FALSE(fits(pattern, name)) << pattern << " " << name;
  }
}

}  // namespace
}  // namespace exogpu::api
