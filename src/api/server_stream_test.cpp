// Streams that survive their client's connection, and what a reply says of a queue and of a conversation's length.
#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

std::string stream_path(const std::string& id, size_t from = 0) {
  return "/v1/stream/" + id + "?from=" + std::to_string(from);
}

json lingering(std::string_view text, uint32_t tokens) {
  return chat_request(text, {{"max_tokens", tokens}, {"stream", true}, {"linger_s", 60}});
}

// The header of a stream whose body has begun to arrive.
std::string stream_id_of(Client& client) {
  constexpr std::string_view kName = "X-Stream-Id: ";
  while (!client.buffer().contains("\r\n\r\n")) {
    if (!client.receive()) return {};
  }
  const size_t at = client.buffer().find(kName);
  return at == std::string::npos ? std::string() : client.buffer().substr(at + kName.size(), 16);
}

TEST_F(Api, AStreamSurvivesItsClient) {
  const Response whole = post(kChat, chat_request("!slow a b c", {{"max_tokens", 12}, {"stream", true}}));
  Client client(port());
  client.send(Client::request("POST", kChat, lingering("!slow a b c", 12).dump()));
  const std::string id = stream_id_of(client);
  ASSERT_EQ(id.size(), 16U);
  client.close();
  const Response taken_up = Client(port()).get(stream_path(id));
  EXPECT_EQ(taken_up.status, 200);
  EXPECT_TRUE(taken_up.complete);
  EXPECT_EQ(taken_up.fields.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(taken_up.fields.at("x-stream-id"), id);
  EXPECT_TRUE(taken_up.body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(service_.cancelled, 0U);
  EXPECT_EQ(joined(taken_up), joined(whole));
  EXPECT_TRUE(taken_up.body.contains(id)) << "the chunks have an id that ends in the stream's";
}

TEST_F(Api, AStreamIsTakenUpWhereItsClientStopped) {
  const Response whole = post(kChat, lingering("a b c", 40));
  ASSERT_TRUE(whole.complete);
  const std::string id = whole.fields.at("x-stream-id");
  for (const size_t from : {size_t{0}, size_t{1}, whole.body.size() / 2, whole.body.size()}) {
    const Response rest = Client(port()).get(stream_path("chatcmpl-" + id, from));
    EXPECT_EQ(rest.status, 200);
    EXPECT_EQ(rest.body, whole.body.substr(from));
  }
  expect_error(Client(port()).get(stream_path(id, whole.body.size() + 1)), 400, "invalid_value", "has ");
}

TEST_F(Api, ClientsReadTogetherWhatIsStillWritten) {
  Client writer(port());
  writer.send(Client::request("POST", kChat, lingering("!slow a b c", 20).dump()));
  const std::string id = stream_id_of(writer);
  Client other(port());
  other.send(Client::request("GET", stream_path(id)));
  const Response first = writer.read(), second = other.read();
  EXPECT_TRUE(first.complete && second.complete);
  EXPECT_EQ(first.body, second.body);
}

TEST_F(Api, AStreamIsStoppedOnRequest) {
  Client client(port());
  client.send(Client::request("POST", kChat, lingering("!slow a", 900).dump()));
  const std::string id = stream_id_of(client);
  Client other(port());
  other.send(Client::request("DELETE", "/v1/stream/" + id));
  EXPECT_EQ(other.read().status, 200);
  EXPECT_TRUE(soon([&] { return service_.cancelled == 1U; }));
  EXPECT_TRUE(client.read().complete);  // with an event that says why
}

TEST_F(Api, AStreamEndsWithItsClientUnlessItIsToLinger) {
  Client client(port());
  json request = lingering("!slow a", 900);
  request["linger_s"] = 0;
  client.send(Client::request("POST", kChat, request.dump()));
  EXPECT_EQ(stream_id_of(client), "");
  client.close();
  EXPECT_TRUE(soon([&] { return service_.cancelled == 1U; }));
}

TEST_F(Api, WhatNobodyReadsForItsLingerIsCancelled) {
  ServerOptions options;
  options.linger = 50ms;
  serve(options);
  Client client(port());
  client.send(Client::request("POST", kChat, chat_request("!slow a", {{"max_tokens", 900}, {"stream", true}}).dump()));
  EXPECT_EQ(stream_id_of(client).size(), 16U);
  client.close();
  EXPECT_TRUE(soon([&] {
    service_.streams.tick(node::StreamStore::Clock::now());
    return service_.cancelled == 1U;
  }));
}

TEST_F(Api, AServerThatStopsEndsItsKeptAnswers) {
  Client client(port());
  client.send(Client::request("POST", kChat, lingering("!slow a", 900).dump()));
  EXPECT_EQ(stream_id_of(client).size(), 16U);
  client.close();
  ASSERT_TRUE(soon([&] { return server_->connections() == 0; }));
  server_->shutdown(10s);
  EXPECT_TRUE(soon([&] { return service_.cancelled == 1U; }));
}

TEST_F(Api, AStreamIsItsKeysOwn) {
  ServerOptions options;
  options.api_keys = {"one", "two"};
  serve(options);
  const Response whole = Client(port()).post(kChat, lingering("a", 4), "Authorization: Bearer one\r\n");
  ASSERT_EQ(whole.status, 200);
  const std::string path = stream_path(whole.fields.at("x-stream-id"));
  EXPECT_EQ(Client(port()).get(path).status, 401);
  expect_error(Client(port()).get(path, "Authorization: Bearer two\r\n"), 404, "stream_not_found", "no such stream");
  EXPECT_EQ(Client(port()).get(path, "Authorization: Bearer one\r\n").body, whole.body);
}

TEST_F(Api, WhatIsNoStreamIsRefused) {
  expect_error(Client(port()).get("/v1/stream/0123456789abcdef"), 404, "stream_not_found", "no such stream");
  for (const char* id : {"xyz", "chatcmpl-", "0123456789abcde", "0123456789abcdeg"}) {
    expect_error(Client(port()).get(std::string("/v1/stream/") + id), 400, "invalid_value", "is no stream's id");
  }
  expect_error(Client(port()).get("/v1/stream/0123456789abcdef?from=-1"), 400, "invalid_value", "from");
  expect_error(post(kChat, chat_request("a", {{"linger_s", 5}})), 400, "invalid_value", "linger_s");
}

TEST_F(Api, ARequestThatIsRefusedIsToldItsPlaceInTheQueue) {
  for (const bool stream : {false, true}) {
    const Response own = post(kChat, chat_request("!full", {{"stream", stream}}));
    expect_error(own, 429, "rate_limit_exceeded", "12 requests wait already");
    EXPECT_EQ(own.fields.at("retry-after"), "13");
    EXPECT_EQ(own.error().at("queue"), (json{{"position", 3}, {"own_requests", 2}, {"estimated_wait_s", 12.5}}));
    const Response others = post(kChat, chat_request("!crowded", {{"stream", stream}}));
    expect_error(others, 503, "queue_full", "12 requests wait already");
    EXPECT_EQ(others.fields.at("retry-after"), "13");
  }
}

TEST_F(Api, ClientsAreToldApart) {
  const auto client_of = [&](const char* fields) {
    EXPECT_EQ(Client(port()).post(kChat, chat_request("a", {{"max_tokens", 1}}), fields).status, 200);
    return service_.last_request().client;
  };
  const wire::ClientId none = client_of("");
  EXPECT_NE(none, wire::ClientId());
  EXPECT_EQ(client_of(""), none);
  EXPECT_NE(client_of("Authorization: Bearer alice\r\n"), none);
}

TEST_F(Api, AConversationThatIsTooLongLosesItsOldestTurnsIfThatIsWanted) {
  std::string words;
  for (int i = 0; i < 600; ++i) words += "w ";
  json request = chat_request("the last", {{"max_tokens", 2}});
  request["messages"] = {{{"role", "system"}, {"content", "be brief"}},
                         {{"role", "user"}, {"content", words}},
                         {{"role", "assistant"}, {"content", words}},
                         {{"role", "user"}, {"content", "the last"}}};
  EXPECT_EQ(post(kChat, request).status, 400);
  request["truncation"] = "auto";
  const Response shortened = post(kChat, request);
  EXPECT_EQ(shortened.status, 200) << shortened.body;
  EXPECT_EQ(shortened.fields.at("x-messages-removed"), "2");
  EXPECT_EQ(shortened.json().at("truncation"), (json{{"messages_removed", 2}}));
  EXPECT_EQ(shortened.json().at("usage").at("prompt_tokens"), 4);
  request["stream"] = true;
  const Response stream = post(kChat, request);
  EXPECT_EQ(stream.fields.at("x-messages-removed"), "2");
  EXPECT_EQ(json::parse(stream.events().front()).at("truncation"), (json{{"messages_removed", 2}}));

  const auto of_others = [&](const char* target) {
    return post(target, {{"model", "words"},
                         {"max_tokens", 2},
                         {"options", {{"num_predict", 2}}},
                         {"stream", false},
                         {"truncation", "auto"},
                         {"messages", std::vector<json>(request["messages"].begin() + 1, request["messages"].end())}});
  };
  for (const char* target : {"/v1/messages", "/api/chat"}) {
    const Response other = of_others(target);
    EXPECT_EQ(other.status, 200) << other.body;
    EXPECT_EQ(other.fields.at("x-messages-removed"), "2");
  }

  ServerOptions options;
  options.truncate = true;
  serve(options);
  request.erase("truncation");
  EXPECT_EQ(post(kChat, request).status, 200);
  request["truncation"] = "disabled";
  EXPECT_EQ(post(kChat, request).status, 400);
  EXPECT_FALSE(post(kChat, chat_request("a", {{"max_tokens", 1}})).fields.contains("x-messages-removed"));
}

}  // namespace
}  // namespace exogpu::api
