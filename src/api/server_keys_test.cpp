// The server and keys of the cluster, over HTTP.
#include "api/testing/api_fixture.h"

namespace exogpu::api::testing {
namespace {

std::string bearer(const json& made) { return "Authorization: Bearer " + made.at("key").get<std::string>() + "\r\n"; }

class Keys : public Api {
 protected:
  json make(const json& terms) {
    const Response made = post("/v1/keys", terms);
    EXPECT_EQ(made.status, 200) << made.body;
    EXPECT_EQ(made.fields.at("cache-control"), "no-store");
    return made.json();
  }
};

TEST_F(Keys, AreMadeListedRotatedAndRevoked) {
  const json made = make({{"name", "laptop"},
                          {"scopes", "chat"},
                          {"models", {"words"}},
                          {"expires_in_s", 3600},
                          {"requests_per_minute", 60},
                          {"tokens_per_day", 1000}});
  Client client(port());
  const json listed = client.get("/v1/keys").json().at("keys").at(0);
  EXPECT_FALSE(listed.contains("key") || listed.contains("hash") || listed.contains("salt")) << listed;
  EXPECT_EQ(listed.at("name"), "laptop");
  EXPECT_EQ(listed.at("scopes"), "chat");
  EXPECT_EQ(listed.at("tokens_per_day"), 1000);
  EXPECT_EQ(client.get("/v1/models", bearer(made)).status, 200);
  const json rotated = post("/v1/keys/rotate", {{"key", "laptop"}}).json();
  expect_error(client.get("/v1/models", bearer(made)), 401, "invalid_api_key", "is wrong");
  EXPECT_EQ(client.get("/v1/models", bearer(rotated)).status, 200);
  EXPECT_EQ(post("/v1/keys/revoke", {{"key", "laptop"}}).json().at("revoked"), true);
  expect_error(client.get("/v1/models", bearer(rotated)), 401, "invalid_api_key", "was revoked");
}

TEST_F(Keys, WrongTermsAreRefusedByName) {
  const auto refused = [&](const json& terms, std::string_view words) {
    const Response response = post("/v1/keys", terms);
    EXPECT_EQ(response.status, 400) << response.body;
    EXPECT_TRUE(response.error().at("message").get<std::string>().contains(words)) << response.body;
  };
  refused(json::object(), "name: is missing");
  refused({{"name", "a"}, {"scopes", "chats"}}, "there is no scope \"chats\"");
  refused({{"name", "a"}, {"models", "qwen"}}, "models: is a string");
  refused({{"name", "a"}, {"models", {1}}}, "models: has an integer in it");
  refused({{"name", "a"}, {"expires_in_s", 0}}, "expires_in_s");
  refused({{"name", "a"}, {"requests_per_minute", -1}}, "requests_per_minute");
  expect_error(post("/v1/keys/revoke", {{"key", "b"}}), 404, "key_not_found", "there is no key b");
}

TEST_F(Keys, AKeyMayDoNoMoreThanItsScopesAndModels) {
  const std::string key = bearer(make({{"name", "laptop"}, {"scopes", "chat"}, {"models", {"word*"}}}));
  Client client(port());
  EXPECT_EQ(client.post(kChat, chat_request("x", {{"max_tokens", 1}}), key).status, 200);
  expect_error(client.post(kChat, chat_request("x", {{"model", "family/other words"}}), key), 403, "model_not_allowed",
               "may not use the model family/other words");
  const std::pair<const char*, json> others[] = {
      {"/v1/keys", {{"name", "own"}}},           {"/v1/keys/revoke", {{"key", "laptop"}}},
      {"/v1/embeddings", {{"input", "x"}}},      {"/v1/models/load", {{"model", "words"}}},
      {"/v1/cluster/drain", {{"node", "test"}}}, {"/api/pull", {{"model", "x"}}}};
  for (const auto& [target, body] : others) {
    const Response response = client.post(target, body, key);
    EXPECT_EQ(response.status, 403) << target << " " << response.body;
  }
  for (const char* target : {"/v1/keys", "/v1/cluster"}) EXPECT_EQ(client.get(target, key).status, 403) << target;
  EXPECT_EQ(client.get("/v1/models", key).status, 200);
}

TEST_F(Keys, WhatAProxyPassesOnNeedsAKey) {
  Client client(port());
  expect_error(client.get("/v1/models", "X-Forwarded-For: 10.0.0.1\r\n"), 401, "invalid_api_key", "is missing");
  expect_error(client.get("/v1/models", "Forwarded: for=10.0.0.1\r\n"), 401, "invalid_api_key", "is missing");
  EXPECT_EQ(client.get("/health", "X-Forwarded-For: 10.0.0.1\r\n").status, 200);
}

TEST_F(Keys, TheAnswersToARevokedKeyEnd) {
  const std::string key = bearer(make({{"name", "laptop"}, {"scopes", "chat"}}));
  Client client(port()), other(port());
  const json endless = chat_request("!slow x", {{"max_tokens", 900}, {"stream", true}});
  client.send(Client::request("POST", kChat, endless.dump(), key));
  other.send(Client::request("POST", kChat, endless.dump()));
  ASSERT_TRUE(soon([&] { return service_.started == 2u; }));
  EXPECT_EQ(post("/v1/keys/revoke", {{"key", "laptop"}}).status, 200);
  EXPECT_TRUE(client.read().body.contains("was revoked"));
  ASSERT_TRUE(soon([&] { return service_.cancelled == 1u; }));
  EXPECT_LE(service_.finished, 1u) << "the answer to another client goes on";
}

TEST_F(Keys, TokensOfAnswersAreCounted) {
  const std::string key = bearer(make({{"name", "laptop"}, {"scopes", "chat"}, {"tokens_per_day", 10}}));
  Client client(port());
  EXPECT_EQ(client.post(kChat, chat_request("one two three", {{"max_tokens", 9}}), key).status, 200);
  expect_error(client.post(kChat, chat_request("x"), key), 429, "rate_limit_exceeded", "10 tokens a day");
}

}  // namespace
}  // namespace exogpu::api::testing
