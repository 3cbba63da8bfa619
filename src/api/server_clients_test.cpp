#include <gtest/gtest.h>

#include "api/server.h"
#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

TEST_F(Api, KeepsAConnectionAndClosesWhenAsked) {
  Client client(port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.post(kChat, chat_request("x", {{"max_tokens", 2}})).status, 200);
  EXPECT_TRUE(client.post(kChat, chat_request("x", {{"max_tokens", 2}, {"stream", true}})).complete);
  // Pipelined requests are answered in order.
  client.send(Client::request("POST", kChat, chat_request("pipelined", {{"max_tokens", 50}}).dump()) +
              Client::request("GET", "/health") + Client::request("GET", "/v1/models"));
  EXPECT_NE(client.read().body.find("pipelined"), std::string::npos);
  EXPECT_NE(client.read().body.find("ok"), std::string::npos);
  EXPECT_NE(client.read().body.find("list"), std::string::npos);
  client.send(Client::request("HEAD", "/health"));
  EXPECT_EQ(client.read(false).status, 200);
  const Response last = client.get("/health", "Connection: close\r\n");
  EXPECT_EQ(last.fields.at("connection"), "close");
  EXPECT_TRUE(client.closed_by_server());

  Client old(port());
  old.send("POST /v1/chat/completions HTTP/1.0\r\nContent-Length: " +
           std::to_string(chat_request("x", {{"max_tokens", 2}, {"stream", true}}).dump().size()) + "\r\n\r\n" +
           chat_request("x", {{"max_tokens", 2}, {"stream", true}}).dump());
  const Response response = old.read();
  EXPECT_FALSE(response.fields.contains("transfer-encoding"));
  EXPECT_EQ(response.events().back(), "[DONE]");

  Client expecting(port());
  expecting.send("POST /v1/completions HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 31\r\n\r\n");
  ASSERT_TRUE(expecting.receive());
  EXPECT_TRUE(expecting.buffer().starts_with("HTTP/1.1 100 Continue"));
  expecting.send(R"({"prompt":"x", "max_tokens": 2})");
  EXPECT_EQ(expecting.read().status, 200);
}

TEST_F(Api, AClientThatDisconnectsStopsTheWork) {
  for (const bool stream : {true, false}) {
    const uint32_t cancelled = service_.cancelled, started = service_.started;
    Client client(port());
    client.send(Client::request("POST", kChat, chat_request("!slow", {{"stream", stream}}).dump()));
    if (stream) {
      ASSERT_TRUE(client.receive());
    } else {
      ASSERT_TRUE(soon([&] { return service_.started > started; }));
    }
    client.close();
    EXPECT_TRUE(soon([&] { return service_.cancelled == cancelled + 1; })) << "stream " << stream;
  }
  Client never(port());
  never.send(Client::request("POST", kChat, chat_request("!hold").dump()));
  ASSERT_TRUE(soon([&] { return service_.started == 3u; }));
  never.close();
  EXPECT_TRUE(soon([&] { return service_.cancelled == 3u && server_->connections() == 0; }));
  expect_serving();
}

TEST_F(Api, AClientThatOnlyEndsItsSendingGetsItsAnswer) {
  for (const bool stream : {true, false}) {
    Client client(port());
    client.send(
        Client::request("POST", kChat, chat_request("!slow one", {{"max_tokens", 10}, {"stream", stream}}).dump()));
    client.end_sending();
    const Response response = client.read();
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.complete);
    EXPECT_NE(response.body.find(" one"), std::string::npos) << response.body;
    EXPECT_TRUE(client.closed_by_server());
  }
  Client old(port());
  const std::string body = chat_request("!slow one", {{"max_tokens", 10}}).dump();
  old.send(std::format("POST {} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{}", kChat, body.size(), body));
  old.end_sending();
  EXPECT_EQ(old.read().status, 200);
  EXPECT_EQ(service_.cancelled, 0u);
}

TEST_F(Api, AbsoluteTargetsOptionsOfAllAndCompressedBodies) {
  Client client(port());
  EXPECT_EQ(client.get("http://test/v1/models").status, 200);
  client.send(Client::request("OPTIONS", "*"));
  const Response all = client.read();
  EXPECT_EQ(all.status, 204);
  EXPECT_NE(all.fields.at("allow").find("POST"), std::string::npos);
  client.send(Client::request("HEAD", "/v1/models"));
  EXPECT_EQ(client.read(false).status, 200);
  EXPECT_EQ(client.get("/").body, "exogpu is running\n");
  EXPECT_FALSE(client.get("/version").json().at("version").get<std::string>().empty());
  client.send(Client::request("POST", kChat, "x", "Content-Encoding: br\r\n"));
  const Response coded = client.read();
  expect_error(coded, 415, "unsupported_content_encoding", "\"br\"");
  EXPECT_EQ(coded.fields.at("accept-encoding"), "gzip, deflate");
  expect_error(client.get("/v1/embeddings"), 405, "method_not_allowed", "POST");
}

TEST_F(Api, AKeyIsAskedFor) {
  ServerOptions options;
  options.api_keys = {"sesame"};
  serve(options);
  Client client(port());
  const Response none = client.get("/v1/models");
  expect_error(none, 401, "invalid_api_key", "is missing");
  EXPECT_EQ(none.fields.at("www-authenticate"), "Bearer");
  expect_error(client.get("/v1/models", "Authorization: Bearer sesamE\r\n"), 401, "invalid_api_key", "is wrong");
  expect_error(client.get("/v1/models", "Authorization: Bearer sesamesesame\r\n"), 401, "invalid_api_key", "is wrong");
  expect_error(client.get("/v1/models", "Authorization: Bearer \r\n"), 401, "invalid_api_key", "is wrong");
  EXPECT_EQ(client.get("/v1/models", "authorization: bearer sesame\r\n").status, 200);
  EXPECT_EQ(client.get("/health").status, 200);
  EXPECT_EQ(client.post(kChat, chat_request("x")).status, 401);
  EXPECT_EQ(service_.started, 0u);
}

TEST_F(Api, BrowsersOfOtherPagesAreKeptOut) {
  Client client(port());
  const Response foreign = client.post(kChat, chat_request("x"), "Origin: https://example.com\r\n");
  expect_error(foreign, 403, "origin_not_allowed", "https://example.com");
  EXPECT_FALSE(foreign.fields.contains("access-control-allow-origin"));
  EXPECT_EQ(service_.started, 0u);
  const Response local = client.get("/v1/models", "Origin: http://localhost:3000\r\n");
  EXPECT_EQ(local.fields.at("access-control-allow-origin"), "http://localhost:3000");
  client.send(Client::request("OPTIONS", kChat, {},
                              "Origin: http://localhost:3000\r\n"
                              "Access-Control-Request-Headers: authorization\r\n"));
  const Response preflight = client.read();
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.fields.at("access-control-allow-headers"), "authorization");
  const Response stream =
      client.post(kChat, chat_request("x", {{"max_tokens", 1}, {"stream", true}}), "Origin: http://localhost:3000\r\n");
  EXPECT_EQ(stream.fields.at("access-control-allow-origin"), "http://localhost:3000");
}

TEST_F(Api, AShutdownLetsRequestsEnd) {
  Client idle(port()), busy(port());
  EXPECT_EQ(idle.get("/health").status, 200);
  busy.send(Client::request("POST", kChat, chat_request("!slow", {{"max_tokens", 20}, {"stream", true}}).dump()));
  ASSERT_TRUE(busy.receive());
  std::thread stopper([&] { server_->shutdown(20s); });
  EXPECT_TRUE(idle.closed_by_server());
  const Response response = busy.read();
  stopper.join();
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.events().back(), "[DONE]");
  EXPECT_FALSE(Client(port()).connected());
}

TEST_F(Api, AShutdownEndsWhatTakesTooLongWithAnError) {
  Client stream(port()), whole(port()), waiting(port()), half(port());
  const auto slow = [](bool streamed) {
    return Client::request("POST", kChat, chat_request("!slow", {{"max_tokens", 900}, {"stream", streamed}}).dump());
  };
  stream.send(slow(true));
  whole.send(slow(false));
  waiting.send(Client::request("POST", kChat, chat_request("!hold").dump()));
  half.send("POST /v1/chat/completions HTTP/1.1\r\nContent-Le");
  ASSERT_TRUE(stream.receive());
  ASSERT_TRUE(soon([&] { return service_.started == 3u; }));
  std::thread stopper([&] { server_->shutdown(500ms); });
  expect_error(waiting.read(), 503, "unavailable", "the node is stopping");
  EXPECT_TRUE(half.closed_by_server());
  const Response begun = stream.read();
  expect_error(whole.read(), 503, "unavailable", "the node is stopping");
  stopper.join();
  EXPECT_TRUE(begun.complete);
  EXPECT_NE(begun.events().back().find("the node is stopping"), std::string::npos) << begun.body;
}

// Nothing is waited for that is not being answered.
TEST_F(Api, AShutdownWithRequestsThatWaitIsQuick) {
  Client waiting(port()), idle(port());
  EXPECT_EQ(idle.get("/health").status, 200);
  waiting.send(Client::request("POST", kChat, chat_request("!hold", {{"stream", true}}).dump()));
  ASSERT_TRUE(soon([&] { return service_.started == 1u; }));
  std::thread reader([&] {
    EXPECT_EQ(waiting.read().status, 503);
    waiting.close();
  });
  const auto begin = std::chrono::steady_clock::now();
  server_->shutdown(20s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  reader.join();
}

TEST_F(Api, AShutdownWithoutGraceCancels) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->send(Client::request("POST", kChat, chat_request("!slow", {{"stream", i % 2 == 0}}).dump()));
  }
  ASSERT_TRUE(soon([&] { return service_.started == 20u; }));
  server_->shutdown(0ms);
  EXPECT_TRUE(soon([&] { return service_.cancelled == 20u; }));
  for (auto& client : clients) EXPECT_FALSE(client->read().complete);
}

TEST(ServerStart, ReportsWhyItCannotListen) {
  WordsService service;
  const auto first = Server::start({}, service);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->url(), std::format("http://127.0.0.1:{}", first->port()));
  ServerOptions options;
  options.port = first->port();
  const auto taken = Server::start(options, service);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::already_exists) << taken.error().message;
  options.address = "nowhere";
  const auto unknown = Server::start(options, service);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace exogpu::api
