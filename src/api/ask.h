// A client of the OpenAI-compatible API that receives an answer as it is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::api {

struct ServerReply {
  int status = 0;
  std::string body;
};

// The address of an API.
struct ApiAddress {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string key{};  // the API key; empty: none
};

// `within` limits each step. Errors: unavailable, deadline_exceeded.
Result<ServerReply> get(const ApiAddress& at, const std::string& path, std::chrono::milliseconds within);
Result<ServerReply> post(const ApiAddress& at, const std::string& path, const std::string& body,
                         std::chrono::milliseconds within);
// The error message in a reply; the whole body if there is none.
std::string error_message(const ServerReply& reply);

// What an answer with this status, not 200, means.
ErrorCode error_code_of(int status);

// Posts, and passes on the parts of the reply as they arrive, each without its end ("\n" for lines, "\n\n" for events).
// Ends early, with success, when `cancel` asks to stop. Errors: those of ask(), and of `on_part`.
Result<void> stream(const ApiAddress& at, const std::string& path, const std::string& body,
                    std::string_view end_of_part, std::chrono::milliseconds silence,
                    const std::function<Result<void>(std::string_view)>& on_part, const std::stop_token& cancel);

struct AskStats {
  uint32_t pieces = 0;
  std::chrono::duration<double> first{};  // until the first piece arrived
  std::chrono::duration<double> whole{};  // until the end
  // As the API reports them; 0 and empty if it does not.
  uint32_t prompt_tokens = 0, answer_tokens = 0;
  std::string finish_reason{};
};

// Sends a request whose body asks for a stream, a chat (/v1/chat/completions) or a text to continue (/v1/completions);
// `on_text` gets the answer piece by piece, reasoning between <think> and </think>. Ends early, with what there is,
// when `cancel` asks to stop. Errors: those of ask().
inline constexpr const char* kChatPath = "/v1/chat/completions";
inline constexpr const char* kTextPath = "/v1/completions";
Result<AskStats> stream_answer(const ApiAddress& at, const std::string& path, const std::string& body,
                               std::chrono::milliseconds silence, const std::function<void(std::string_view)>& on_text,
                               const std::stop_token& cancel);

// Sends one chat message; `on_text` gets the answer piece by piece.
// Errors: unavailable, deadline_exceeded (nothing arrived for `silence`), and the API's own errors.
Result<AskStats> ask(const ApiAddress& at, const std::string& question, uint32_t tokens_max,
                     std::chrono::milliseconds silence, const std::function<void(std::string_view)>& on_text);

}  // namespace exogpu::api
