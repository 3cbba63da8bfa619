// A fake for tests: repeats the last message; special words trigger what is hard to get from a model.
#pragma once

#include <chrono>
#include <thread>

#include "cli/chat/chat_backend.h"

namespace exogpu::cli::testing {

class EchoBackend : public ChatBackend {
 public:
  std::string description() const override { return "echo"; }
  uint32_t context_tokens() const override { return 4096; }

  // "slow": writes until it is stopped. "think": writes a thought first. "fail": fails. "escape": writes control
  // characters. Anything else is repeated, with facts about the conversation.
  Result<engine::GenerateStats> answer(std::span<const ChatMessage> conversation, const ChatSettings& settings,
                                       const std::function<void(std::string_view)>& on_text,
                                       const std::stop_token& cancel) override {
    engine::GenerateStats stats{.prompt_tokens = 12, .prompt_reused = 2, .answer_tokens = 10};
    stats.prompt_time = stats.answer_time = std::chrono::milliseconds(100);
    const std::string& last = conversation.back().content;
    if (last == "fail") return fail(ErrorCode::resource_exhausted, "the prompt is too long");
    if (last == "slow") {
      while (!cancel.stop_requested()) {
        on_text("tick ");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      stats.reason = engine::FinishReason::cancelled;
      return stats;
    }
    if (last == "think") {
      for (const char* piece : {"<thi", "nk>", "\nponder", "ing\n</th", "ink>\n\nto", "ld"}) on_text(piece);
      return stats;
    }
    if (last == "escape") {
      on_text("a\033]0;title\007\x7f\tb");
      return stats;
    }
    on_text(std::format("{} messages, ", conversation.size()));
    if (conversation.front().role == "system") on_text("system: " + conversation.front().content + ", ");
    on_text(std::format("temperature {}: {}", settings.generate.sampling.temperature, last));
    return stats;
  }
};

}  // namespace exogpu::cli::testing
