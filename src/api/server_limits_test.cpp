#include <gtest/gtest.h>

#include "api/server.h"
#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

TEST_F(Api, GarbageIsRefusedAndTheServerLives) {
  for (const std::string& garbage :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), std::string("GET\r\n\r\n"),
        std::string("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -5\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string(1000, '\0')}) {
    Client client(port());
    ASSERT_TRUE(client.send(garbage + "\r\n\r\n"));
    expect_error(client.read(), 400, "bad_request", "no HTTP/1.1 request");
    EXPECT_TRUE(client.closed_by_server());
  }
  const auto raw = [&](const std::string& body) {
    Client client(port());
    client.send(Client::request("POST", kChat, body));
    return client.read();
  };
  expect_error(raw(""), 400, "json_invalid", "is empty");
  expect_error(raw("not json"), 400, "json_invalid", "line 1, column 2");
  expect_error(raw(std::string(1 << 20, '[')), 400, "json_invalid", "nested deeper than 64");
  std::string nested;
  for (int i = 0; i < 200'000; ++i) nested += R"({"a":)";
  expect_error(raw(nested), 400, "json_invalid", "nested deeper than 64");
  expect_error(raw(std::string(1 << 20, '\xff')), 400, "json_invalid", "not the JSON");
  expect_serving();
}

TEST_F(Api, TooLong) {
  ServerOptions options;
  options.body_bytes_max = 1 * MiB;
  options.bodies_bytes_max = 3 * MiB / 2;
  serve(options);
  Client header(port());
  header.send("GET /health HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  expect_error(header.read(), 431, "header_too_large", "16.0 KiB");
  // Announced, and in chunks that do not end.
  Client body(port());
  body.send(Client::request("POST", kChat, std::string(2 << 20, ' ')));
  expect_error(body.read(), 413, "body_too_large", "1.00 MiB");
  Client chunked(port());
  chunked.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) chunked.send("10000\r\n" + std::string(0x10000, ' ') + "\r\n");
  expect_error(chunked.read(), 413, "body_too_large", "1.00 MiB");
  // Two that wait with most of a body each are together too much: one is refused, and the other waits until that one
  // has ended.
  const std::string most =
      "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(900'000, ' ');
  Client first(port()), second(port());
  first.send(most);
  second.send(most);
  ASSERT_TRUE(soon([&] { return first.readable() || second.readable(); }));
  const bool first_waits = second.readable();
  Client& refused = first_waits ? second : first;
  Client& waiting = first_waits ? first : second;
  expect_error(refused.read(), 503, "unavailable", "too many long requests");
  EXPECT_FALSE(waiting.readable());
  waiting.close();
  EXPECT_TRUE(
      soon([&] { return post(kChat, chat_request(std::string(900'000, 'x'), {{"max_tokens", 1}})).status == 200; }));
}

TEST_F(Api, SlowRequestsEnd) {
  ServerOptions options;
  options.idle_timeout = 100ms;
  options.header_timeout = 200ms;
  options.body_timeout = 200ms;
  serve(options);
  Client idle(port());
  EXPECT_TRUE(idle.closed_by_server());
  Client header(port());
  header.send("GET /heal");
  expect_error(header.read(), 408, "timeout", "header did not arrive");
  Client body(port());
  body.send("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{");
  expect_error(body.read(), 408, "timeout", "body did not arrive");
  EXPECT_TRUE(soon([&] { return server_->connections() == 0; }));
}

TEST_F(Api, AClientThatReadsSlowlyIsCutOffAndNobodyWaitsForIt) {
  ServerOptions options;
  options.backlog_bytes_max = 256 * KiB;
  serve(options);
  Client slow(port(), 4096);
  slow.send(Client::request("POST", kChat, chat_request("!fast", {{"stream", true}}).dump()));
  // Others are answered meanwhile.
  EXPECT_EQ(post(kChat, chat_request("x", {{"max_tokens", 20}})).status, 200);
  EXPECT_TRUE(soon([&] { return service_.cancelled == 1u; }));
  const Response rest = slow.read();
  EXPECT_TRUE(rest.complete);
  EXPECT_EQ(json::parse(rest.events().back()).at("error").at("code"), "cancelled");
  EXPECT_LT(rest.body.size(), 16u << 20);
}

TEST_F(Api, AClientThatReadsNothingIsClosed) {
  ServerOptions options;
  options.write_timeout = 200ms;
  serve(options);
  Client stuck(port(), 4096);
  stuck.send(Client::request("POST", kChat, chat_request("!fast", {{"stream", true}}).dump()));
  EXPECT_TRUE(soon([&] { return service_.cancelled == 1u; }));
  EXPECT_TRUE(soon([&] { return server_->connections() <= 1; }));
  expect_serving();
}

TEST_F(Api, AStreamWithNothingToSendSendsComments) {
  ServerOptions options;
  options.comment_interval = 50ms;
  serve(options);
  Client client(port());
  client.send(Client::request("POST", kChat, chat_request("!hold", {{"stream", true}}).dump()));
  while (client.buffer().find(": waiting\n\n") == std::string::npos) ASSERT_TRUE(client.receive());
}

TEST_F(Api, MoreConnectionsThanItTakesAreTurnedAway) {
  ServerOptions options;
  options.connections_max = 2;
  serve(options);
  Client first(port()), second(port());
  EXPECT_EQ(first.get("/health").status, 200);
  EXPECT_EQ(second.get("/health").status, 200);
  Client third(port());
  expect_error(third.read(), 503, "unavailable", "as many connections as it takes");
  first.close();
  EXPECT_TRUE(soon([&] { return Client(port()).get("/health").status == 200; }));
}

TEST_F(Api, ManyStreamsAtOnce) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->send(Client::request(
        "POST", kChat, chat_request(std::format("client{}", i), {{"max_tokens", 30}, {"stream", true}}).dump()));
  }
  for (int i = 0; i < 100; ++i) {
    const Response response = clients[static_cast<size_t>(i)]->read();
    EXPECT_TRUE(response.complete);
    EXPECT_TRUE(joined(response).ends_with(std::format(" client{}", i)));
  }
}

TEST_F(Api, AnIdleServerSleeps) {
  Client client(port());
  EXPECT_EQ(client.get("/health").status, 200);
  const std::clock_t before = std::clock();  // of all threads of this process
  std::this_thread::sleep_for(1s);
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.01);
}

}  // namespace
}  // namespace exogpu::api
