// Requests that are made to do harm: each is refused within a second, and the server goes on.
#include <algorithm>
#include <deque>

#include "api/testing/api_fixture.h"

namespace exogpu::api::testing {
namespace {

class Attack : public Api {
 protected:
  // Nothing that is sent here may begin a generation or take long.
  void TearDown() override {
    EXPECT_LT(std::chrono::steady_clock::now() - begun_, 10s);
    EXPECT_EQ(service_.started, 0u);
    expect_serving();
  }
  int status_of(const std::string& text) {
    Client client(port());
    client.send(text);
    return client.read().status;
  }
  void expect_client_error(const char* target, const json& body) {
    const Response response = post(target, body);
    EXPECT_TRUE(response.status == 400 || response.status == 422)
        << response.status << " " << body.dump().substr(0, 200);
    EXPECT_LT(response.body.size(), 4096U) << target;
  }
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

TEST_F(Attack, OneRequestIsNotTwo) {
  const std::string inner = "GET /v1/keys HTTP/1.1\r\nHost: test\r\n\r\n";
  const std::string begin = "POST /health HTTP/1.1\r\nHost: test\r\n";
  for (const std::string& fields :
       {"Content-Length: " + std::to_string(inner.size()) + "\r\nTransfer-Encoding: chunked\r\n",
        std::string("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
        std::string("Content-Length: 0\r\nContent-Length: 5\r\n"), std::string("Content-Length: 5, 0\r\n"),
        std::string("Content-Length: +5\r\n"), std::string("Content-Length: 18446744073709551617\r\n"),
        std::string("Transfer-Encoding: chunked, identity\r\n")}) {
    Client client(port());
    client.send(begin + fields + "\r\n0\r\n\r\n" + inner);
    const int first = client.read().status;
    EXPECT_TRUE(first == 400 || first == 413 || first == 405 || first == 501) << fields << first;
    if (first != 405) {
      EXPECT_TRUE(client.closed_by_server()) << fields << "what follows is not read as a request";
    }
  }
}

TEST_F(Attack, PathsAndHostsReachNothingElse) {
  Client client(port());
  for (const char* target :
       {"/assets/../../../etc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/index.html",
        "/v1/models/..%2f..%2fetc%2fpasswd", "/assets/%00", "//etc/passwd", "/v1/keys/../health",
        "/assets/....//....//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"}) {
    const Response response = client.get(target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_FALSE(response.body.contains("root:")) << target;
  }
  EXPECT_EQ(status_of("GET /v1/models HTTP/1.1\r\nHost: evil.example.com\r\n\r\n"), 403);
  EXPECT_EQ(status_of("GET /v1/models HTTP/1.1\r\nHost: localhost.evil.example.com:80\r\n\r\n"), 403);
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n"), 404);
}

TEST_F(Attack, LongHeadersAndOtherProtocolsAreRefused) {
  EXPECT_EQ(status_of("GET /health HTTP/1.1\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n"), 431);
  std::string many = "GET /health HTTP/1.1\r\n";
  for (int i = 0; i < 20'000; ++i) many += std::format("X{}: y\r\n", i);
  EXPECT_EQ(status_of(many + "\r\n"), 431);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400);
  // An upgrade is not made: the request is answered as what it is without one.
  Client client(port());
  client.send(
      "GET /v1/models HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
      "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(Attack, NumbersOutOfTheirRangeAreNamed) {
  for (const char* field : {"n", "max_tokens", "top_logprobs", "top_k"}) {
    for (const json& value :
         {json(-1'000'000), json(int64_t{1} << 31), json(1e300), json(-1e300), json("NaN"), json(0.5)}) {
      expect_client_error(kChat, chat_request("x", {{field, value}, {"logprobs", true}}));
    }
  }
  for (const char* field : {"temperature", "top_p", "frequency_penalty", "presence_penalty"}) {
    for (const json& value : {json(-1e300), json(1e300), json("Infinity"), json::array()}) {
      expect_client_error(kChat, chat_request("x", {{field, value}}));
    }
  }
  for (const char* number : {"NaN", "Infinity", "-Infinity", "1e999", "0x10", "01"}) {
    Client client(port());
    client.send(
        Client::request("POST", kChat, std::format(R"({{"model":"words","messages":[],"temperature":{}}})", number)));
    EXPECT_EQ(client.read().status, 400) << number;
  }
}

// Clients that send a byte at a time, which restarts no limit, and hold up nobody.
TEST_F(Attack, SlowLorisIsClosedAndDelaysNobody) {
  ServerOptions options;
  options.header_timeout = 300ms;
  options.body_timeout = 300ms;
  serve(options);
  constexpr size_t kClients = 100;
  std::deque<Client> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.emplace_back(port());
    clients.back().send(i % 2 == 0 ? "GET /health HTTP/1.1\r\nX: "
                                   : "POST /v1/completions HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n{");
  }
  const auto begun = std::chrono::steady_clock::now();
  auto slowest = std::chrono::steady_clock::duration::zero();
  size_t sent = 0;
  while (std::ranges::any_of(clients, [](const Client& each) { return !each.readable(); })) {
    ASSERT_LT(std::chrono::steady_clock::now() - begun, 5s) << sent << " bytes later";
    for (Client& each : clients) {
      if (!each.readable()) sent += each.send("x") ? 1 : 0;
    }
    const auto asked = std::chrono::steady_clock::now();
    EXPECT_EQ(Client(port()).get("/health").status, 200);
    slowest = std::max(slowest, std::chrono::steady_clock::now() - asked);
  }
  EXPECT_GT(sent, kClients) << "they kept sending";
  EXPECT_LT(slowest, 1s);
  for (Client& each : clients) {
    const int status = each.read().status;
    EXPECT_TRUE(status == 408 || status == 0) << status;  // 0: it was closed while the client still sent
  }
  EXPECT_TRUE(soon([&] { return server_->connections() == 0; }));
}

TEST_F(Attack, HostileTemplateVariablesAreRefused) {
  for (const json& value : {json(3), json("x"), json(json::array({1})), json(true)}) {
    expect_client_error(kChat, chat_request("x", {{"chat_template_kwargs", value}}));
  }
  json deep = 1;
  for (int i = 0; i < 100; ++i) deep = json{{"__proto__", deep}};
  expect_client_error(kChat, chat_request("x", {{"chat_template_kwargs", deep}}));
  json wide = json::object();
  for (int i = 0; i < 20'000; ++i) wide[std::format("k{}", i)] = i;
  EXPECT_EQ(post(kChat, chat_request("x", {{"chat_template_kwargs", wide}})).status, 413);
}

TEST_F(Attack, FanOutIsBounded) {
  const json prompts(100'000, "x");
  expect_client_error(kCompletions, {{"model", "words"}, {"prompt", prompts}});
  expect_client_error("/v1/embeddings", {{"model", "words"}, {"input", prompts}});
  expect_client_error(kCompletions, {{"model", "words"}, {"prompt", "x"}, {"n", 1 << 20}});
  expect_client_error(kChat, chat_request("x", {{"stop", json(100'000, "y")}}));
}

// Nothing is ever fetched for a request: what names an address is refused before anything is looked up.
TEST_F(Attack, AddressesInRequestsAreNotFetched) {
  for (const char* url : {"http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "http://127.0.0.1:1/x.png",
                          "data:image/png;base64,@@@@", "data:;base64,", "gopher://x"}) {
    expect_client_error(
        kChat,
        {{"model", "words"},
         {"messages", {{{"role", "user"}, {"content", {{{"type", "image_url"}, {"image_url", {{"url", url}}}}}}}}}});
  }
}

}  // namespace
}  // namespace exogpu::api::testing
