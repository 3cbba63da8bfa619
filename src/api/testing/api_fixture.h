// A server with the words service, for tests that use HTTP.
#pragma once

#include <gtest/gtest.h>

#include <format>
#include <optional>
#include <string>
#include <thread>

#include "api/server.h"
#include "api/testing/client.h"
#include "api/testing/words_service.h"

namespace exogpu::api::testing {

using nlohmann::json;
using namespace std::chrono_literals;

inline constexpr const char* kChat = "/v1/chat/completions";
inline constexpr const char* kCompletions = "/v1/completions";

inline json chat_request(std::string_view text, const json& more = json::object()) {
  json body = {{"model", "words"}, {"messages", {{{"role", "user"}, {"content", text}}}}, {"seed", 7}};
  body.update(more);
  return body;
}

class Api : public ::testing::Test {
 protected:
  // Restarts the server with other options; the service stays.
  void serve(const ServerOptions& options) {
    server_.reset();
    auto server = Server::start(options, service_);
    ASSERT_TRUE(server) << server.error().message;
    server_.emplace(*std::move(server));
  }
  void SetUp() override { serve({}); }

  uint16_t port() const { return server_->port(); }
  Response post(std::string_view target, const json& body) { return Client(port()).post(target, body); }

  // Waits until `holds()`, which another thread brings about.
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

inline std::string joined(const Response& response, size_t index = 0) {
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

}  // namespace exogpu::api::testing
