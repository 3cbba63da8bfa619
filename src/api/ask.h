// Asks a question of an OpenAI-compatible API and hears the answer as it is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::api {

struct Reply {
  int status = 0;
  std::string body;
};

// GET of a path at 127.0.0.1:port. Errors: unavailable, deadline_exceeded.
Result<Reply> get(uint16_t port, const std::string& path, std::chrono::milliseconds within);

struct AskStats {
  uint32_t pieces = 0;
  std::chrono::duration<double> first{};  // until the first piece came
  std::chrono::duration<double> whole{};  // until the end
};

// Sends one chat message to the API at 127.0.0.1:port; `on_text` gets the answer piece by piece.
// Errors: unavailable, deadline_exceeded (nothing came for `silence`), and what the API says.
Result<AskStats> ask(uint16_t port, const std::string& question, uint32_t tokens_max, std::chrono::milliseconds silence,
                     const std::function<void(std::string_view)>& on_text);

}  // namespace exogpu::api
