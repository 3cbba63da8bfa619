// Asks a question of an OpenAI-compatible API and hears the answer as it is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::api {

struct ServerReply {
  int status = 0;
  std::string body;
};

// Where an API is.
struct ApiAddress {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string key{};  // that it wants; empty: none
};

// `within`: of each step. Errors: unavailable, deadline_exceeded.
Result<ServerReply> get(const ApiAddress& at, const std::string& path, std::chrono::milliseconds within);
Result<ServerReply> post(const ApiAddress& at, const std::string& path, const std::string& body,
                         std::chrono::milliseconds within);
// What a reply that is an error says; the body where it says nothing.
std::string error_message(const ServerReply& reply);

struct AskStats {
  uint32_t pieces = 0;
  std::chrono::duration<double> first{};  // until the first piece came
  std::chrono::duration<double> whole{};  // until the end
};

// Sends one chat message; `on_text` gets the answer piece by piece.
// Errors: unavailable, deadline_exceeded (nothing came for `silence`), and what the API says.
Result<AskStats> ask(const ApiAddress& at, const std::string& question, uint32_t tokens_max,
                     std::chrono::milliseconds silence, const std::function<void(std::string_view)>& on_text);

}  // namespace exogpu::api
