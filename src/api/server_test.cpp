#include "api/server.h"

#include <gtest/gtest.h>

#include <thread>

#include "api/testing/client.h"
#include "api/testing/words_service.h"

namespace exogpu::api {
namespace {

using nlohmann::json;
using testing::Client;
using testing::Response;
using testing::WordsService;
using namespace std::chrono_literals;

constexpr const char* kChat = "/v1/chat/completions";
constexpr const char* kCompletions = "/v1/completions";

json say(std::string_view text, const json& more = json::object()) {
  json body = {{"model", "words"}, {"messages", {{{"role", "user"}, {"content", text}}}}, {"seed", 7}};
  body.update(more);
  return body;
}

class Api : public ::testing::Test {
 protected:
  // Again with other options; the service stays.
  void serve(const ServerOptions& options) {
    server_.reset();
    auto server = Server::start(options, service_);
    ASSERT_TRUE(server) << server.error().message;
    server_.emplace(*std::move(server));
  }
  void SetUp() override { serve({}); }

  uint16_t port() const { return server_->port(); }
  Response post(std::string_view target, const json& body) { return Client(port()).post(target, body); }

  // Waits for what another thread is about to do.
  static bool soon(const auto& holds) {
    for (int i = 0; i < 1000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  void expect_serving() {
    const Response response = Client(port()).get("/health");
    EXPECT_EQ(response.status, 200);
  }

  static void expect_error(const Response& response, int status, std::string_view code, std::string_view words) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.error().value("code", ""), code) << response.body;
    EXPECT_NE(response.error().value("message", "").find(words), std::string::npos) << response.body;
    EXPECT_TRUE(response.error().contains("type") && response.error().contains("param")) << response.body;
  }

  WordsService service_;
  std::optional<Server> server_;
};

std::string joined(const Response& response, size_t index = 0) {
  std::string text;
  for (const std::string& event : response.events()) {
    if (event == "[DONE]") continue;
    const json chunk = json::parse(event);
    for (const json& choice : chunk.at("choices")) {
      if (choice.at("index") != index) continue;
      text += choice.contains("delta") ? choice["delta"].value("content", "") : choice.value("text", "");
    }
  }
  return text;
}

TEST_F(Api, ListsModelsHealthAndCluster) {
  Client client(port());
  const json models = client.get("/v1/models").json();
  EXPECT_EQ(models.at("object"), "list");
  EXPECT_EQ(models.at("data").at(0).at("id"), "words");
  EXPECT_EQ(models.at("data").at(0).at("created"), 1'700'000'000);
  EXPECT_EQ(client.get("/v1/models/words").json().at("id"), "words");
  EXPECT_EQ(client.get("/v1/models/family%2Fother%20words").json().at("id"), "family/other words");
  expect_error(client.get("/v1/models/nope"), 404, "model_not_found", "there is no model \"nope\"; there is words");
  EXPECT_EQ(client.get("/v1/cluster").json().at("nodes").at(0).at("name"), "test");
  EXPECT_EQ(client.get("/health").json().at("status"), "ok");
  service_.loading = true;
  expect_error(client.get("/health"), 503, "unavailable", "words is being loaded");
}

TEST_F(Api, AnswersAChatWhole) {
  const Response response = post(kChat, say("one two", {{"max_tokens", 4}}));
  ASSERT_EQ(response.status, 200) << response.body;
  const json answer = response.json();
  EXPECT_EQ(answer.at("object"), "chat.completion");
  EXPECT_TRUE(answer.at("id").get<std::string>().starts_with("chatcmpl-"));
  EXPECT_EQ(answer.at("model"), "words");
  const json& choice = answer.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_EQ(choice.at("message").at("role"), "assistant");
  EXPECT_TRUE(choice.at("message").at("content").get<std::string>().ends_with(" one two one")) << response.body;
  EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 2);
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 4);
  EXPECT_EQ(answer.at("usage").at("total_tokens"), 6);
  EXPECT_EQ(answer.at("usage").at("prompt_tokens_details").at("cached_tokens"), 1);
}

TEST_F(Api, StreamsWhatItWouldSayWhole) {
  const json whole = post(kChat, say("one two", {{"max_tokens", 40}})).json();
  const Response stream = post(
      kChat, say("one two", {{"max_tokens", 40}, {"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  ASSERT_EQ(stream.status, 200);
  EXPECT_TRUE(stream.complete);
  EXPECT_TRUE(stream.fields.at("content-type").starts_with("text/event-stream"));
  EXPECT_EQ(json(joined(stream)), whole.at("choices").at(0).at("message").at("content"));
  const auto events = stream.events();
  ASSERT_GE(events.size(), 5u);
  EXPECT_EQ(json::parse(events.front()).at("choices").at(0).at("delta").at("role"), "assistant");
  EXPECT_EQ(json::parse(events.front()).at("object"), "chat.completion.chunk");
  EXPECT_TRUE(json::parse(events.front()).at("usage").is_null());
  EXPECT_EQ(events.back(), "[DONE]");
  const json usage = json::parse(events[events.size() - 2]);
  EXPECT_TRUE(usage.at("choices").empty());
  EXPECT_EQ(usage.at("usage").at("completion_tokens"), 40);
  const json last = json::parse(events[events.size() - 3]);
  EXPECT_EQ(last.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_FALSE(
      json::parse(post(kChat, say("a", {{"max_tokens", 2}, {"stream", true}})).events().at(0)).contains("usage"));
}

TEST_F(Api, CompletionsOfSeveralPrompts) {
  const json body = {{"prompt", {"a", "b c"}}, {"n", 2}, {"max_tokens", 3}, {"seed", 1}};
  const json answer = post(kCompletions, body).json();
  EXPECT_EQ(answer.at("object"), "text_completion");
  EXPECT_EQ(answer.at("model"), "words");  // the first, as none is named
  ASSERT_EQ(answer.at("choices").size(), 4u);
  EXPECT_TRUE(answer["choices"][1]["text"].get<std::string>().ends_with(" a a"));
  EXPECT_TRUE(answer["choices"][3]["text"].get<std::string>().ends_with(" b c"));
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);
  json streamed = body;
  streamed["stream"] = true;
  const Response stream = post(kCompletions, streamed);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(json(joined(stream, i)), answer["choices"][i]["text"]);
}

TEST_F(Api, StopSeedAndSeveralAnswers) {
  const json stopped = post(kChat, say("one two three", {{"stop", "two"}})).json();
  EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(stopped["choices"][0]["message"]["content"].get<std::string>().ends_with(" one "));
  const auto text = [&](int seed) {
    return post(kChat, say("x", {{"max_tokens", 1}, {"seed", seed}})).json()["choices"][0]["message"]["content"];
  };
  EXPECT_EQ(text(5), text(5));
  EXPECT_NE(text(5), text(6));
  const json several = post(kChat, say("x", {{"n", 3}, {"max_tokens", 1}, {"seed", 5}})).json();
  ASSERT_EQ(several["choices"].size(), 3u);
  EXPECT_EQ(several["choices"][1]["message"]["content"], text(6));
}

TEST_F(Api, Logprobs) {
  const json chat = post(kChat, say("x", {{"max_tokens", 2}, {"logprobs", true}, {"top_logprobs", 2}})).json();
  const json& content = chat["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 2u);
  EXPECT_EQ(content[1]["token"], " x");
  EXPECT_EQ(content[1]["bytes"], json::parse("[32,120]"));
  EXPECT_EQ(content[1]["logprob"], -0.5);
  EXPECT_EQ(content[1]["top_logprobs"].size(), 2u);
  const json plain = post(kCompletions, {{"prompt", "x"}, {"max_tokens", 3}, {"logprobs", 1}}).json();
  const json& logprobs = plain["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"].size(), 3u);
  EXPECT_EQ(logprobs["text_offset"][2].get<int>() - logprobs["text_offset"][1].get<int>(), 2);
}

TEST_F(Api, ToolsReachTheTemplate) {
  const json tools = json::parse(R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])");
  ASSERT_EQ(post(kChat, say("x", {{"max_tokens", 1}, {"tools", tools}})).status, 200);
  const auto request = service_.last_request();
  EXPECT_EQ(json::parse(std::get<model::ChatRequest>(request.prompt).tools_json), tools);
}

TEST_F(Api, ErrorsOfTheRequest) {
  expect_error(post(kChat, say("x", {{"model", "gpt-9"}})), 404, "model_not_found", "there is no model \"gpt-9\"");
  const Response wrong = post(kChat, say("x", {{"temperature", "warm"}}));
  expect_error(wrong, 400, "invalid_type", "must be a number");
  EXPECT_EQ(wrong.error().at("param"), "temperature");
  std::string text;
  for (int i = 0; i < 1001; ++i) text += "w ";
  expect_error(post(kChat, say(text)), 400, "context_length_exceeded", "1001 tokens");
  expect_error(post(kChat, say(text, {{"stream", true}})), 400, "context_length_exceeded", "shorten it");
  expect_error(Client(port()).get("/v2/nothing"), 404, "unknown_url",
               "there is no \"/v2/nothing\" here; there is /health, ");
  const Response method = Client(port()).get(kChat);
  expect_error(method, 405, "method_not_allowed", "POST");
  EXPECT_EQ(method.fields.at("allow"), "POST, OPTIONS");
}

TEST_F(Api, ErrorsOfTheNode) {
  expect_error(post(kChat, say("!fail")), 503, "unavailable", "the device is away");
  expect_error(post(kChat, say("!fail", {{"stream", true}})), 503, "unavailable", "the device is away");
  expect_error(post(kChat, say("!vanish")), 500, "internal", "without a result");
  expect_error(post(kChat, say("!break")), 503, "unavailable", "unplugged");
  // Slowly, so that its beginning is sent before it breaks.
  const Response stream = post(kChat, say("!slow !break", {{"stream", true}}));
  EXPECT_EQ(stream.status, 200);  // it had begun
  EXPECT_TRUE(stream.complete);
  EXPECT_EQ(json::parse(stream.events().back()).at("error").at("code"), "unavailable");
}

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
  // Two that wait with most of a body each: together too much, until one goes.
  const std::string most =
      "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(900'000, ' ');
  Client first(port()), second(port());
  first.send(most);
  std::this_thread::sleep_for(200ms);
  second.send(most);
  expect_error(second.read(), 503, "unavailable", "too many long requests");
  first.close();
  EXPECT_TRUE(soon([&] { return post(kChat, say(std::string(900'000, 'x'), {{"max_tokens", 1}})).status == 200; }));
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

TEST_F(Api, KeepsAConnectionAndClosesWhenAsked) {
  Client client(port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.post(kChat, say("x", {{"max_tokens", 2}})).status, 200);
  EXPECT_TRUE(client.post(kChat, say("x", {{"max_tokens", 2}, {"stream", true}})).complete);
  // Several at once are answered in order.
  client.send(Client::request("POST", kChat, say("pipelined", {{"max_tokens", 50}}).dump()) +
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
           std::to_string(say("x", {{"max_tokens", 2}, {"stream", true}}).dump().size()) + "\r\n\r\n" +
           say("x", {{"max_tokens", 2}, {"stream", true}}).dump());
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

TEST_F(Api, AClientThatGoesAwayStopsTheWork) {
  for (const bool stream : {true, false}) {
    const uint32_t cancelled = service_.cancelled, started = service_.started;
    Client client(port());
    client.send(Client::request("POST", kChat, say("!slow", {{"stream", stream}}).dump()));
    if (stream) {
      ASSERT_TRUE(client.receive());
    } else {
      ASSERT_TRUE(soon([&] { return service_.started > started; }));
    }
    client.close();
    EXPECT_TRUE(soon([&] { return service_.cancelled == cancelled + 1; })) << "stream " << stream;
  }
  Client never(port());
  never.send(Client::request("POST", kChat, say("!hold").dump()));
  ASSERT_TRUE(soon([&] { return service_.started == 3u; }));
  never.close();
  EXPECT_TRUE(soon([&] { return service_.cancelled == 3u && server_->connections() == 0; }));
  expect_serving();
}

TEST_F(Api, AClientThatReadsSlowlyIsCutOffAndNobodyWaitsForIt) {
  ServerOptions options;
  options.backlog_bytes_max = 256 * KiB;
  serve(options);
  Client slow(port(), 4096);
  slow.send(Client::request("POST", kChat, say("!fast", {{"stream", true}}).dump()));
  // Others are answered meanwhile.
  EXPECT_EQ(post(kChat, say("x", {{"max_tokens", 20}})).status, 200);
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
  stuck.send(Client::request("POST", kChat, say("!fast", {{"stream", true}}).dump()));
  EXPECT_TRUE(soon([&] { return service_.cancelled == 1u; }));
  EXPECT_TRUE(soon([&] { return server_->connections() <= 1; }));
  expect_serving();
}

TEST_F(Api, AStreamWithNothingToSayShowsThatItLives) {
  ServerOptions options;
  options.comment_interval = 50ms;
  serve(options);
  Client client(port());
  client.send(Client::request("POST", kChat, say("!hold", {{"stream", true}}).dump()));
  while (client.buffer().find(": waiting\n\n") == std::string::npos) ASSERT_TRUE(client.receive());
}

TEST_F(Api, AKeyIsAskedFor) {
  ServerOptions options;
  options.api_key = "sesame";
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
  EXPECT_EQ(client.post(kChat, say("x")).status, 401);
  EXPECT_EQ(service_.started, 0u);
}

TEST_F(Api, BrowsersOfOtherPagesAreKeptOut) {
  Client client(port());
  const Response foreign = client.post(kChat, say("x"), "Origin: https://example.com\r\n");
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
      client.post(kChat, say("x", {{"max_tokens", 1}, {"stream", true}}), "Origin: http://localhost:3000\r\n");
  EXPECT_EQ(stream.fields.at("access-control-allow-origin"), "http://localhost:3000");
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

TEST_F(Api, AShutdownLetsRequestsEnd) {
  Client idle(port()), busy(port());
  EXPECT_EQ(idle.get("/health").status, 200);
  busy.send(Client::request("POST", kChat, say("!slow", {{"max_tokens", 20}, {"stream", true}}).dump()));
  ASSERT_TRUE(busy.receive());
  std::thread stopper([&] { server_->shutdown(20s); });
  EXPECT_TRUE(idle.closed_by_server());
  const Response response = busy.read();
  stopper.join();
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.events().back(), "[DONE]");
  EXPECT_FALSE(Client(port()).connected());
}

TEST_F(Api, AShutdownWithoutGraceCancels) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->send(Client::request("POST", kChat, say("!slow", {{"stream", i % 2 == 0}}).dump()));
  }
  ASSERT_TRUE(soon([&] { return service_.started == 20u; }));
  server_->shutdown(0ms);
  EXPECT_TRUE(soon([&] { return service_.cancelled == 20u; }));
  for (auto& client : clients) EXPECT_FALSE(client->read().complete);
}

TEST_F(Api, ManyStreamsAtOnce) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->send(
        Client::request("POST", kChat, say(std::format("client{}", i), {{"max_tokens", 30}, {"stream", true}}).dump()));
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

TEST(ServerStart, SaysWhyItCannotListen) {
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
