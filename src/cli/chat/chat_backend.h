// What the chat talks to: something that answers a conversation.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/generator.h"

namespace exogpu::cli {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

struct ChatSettings {
  engine::GenerateOptions generate;
  std::optional<bool> thinking;  // the template variable enable_thinking; absent: as the model's template has it
};

class ChatBackend {
 public:
  virtual ~ChatBackend() = default;

  // One line about the model for the head of the chat: its name, what it runs on.
  virtual std::string description() const = 0;
  virtual uint32_t context_tokens() const = 0;

  // Answers the last message. `on_text` gets the answer in whole characters as it grows; where the prompt itself opened
  // a thought, the first text is that "<think>". When `cancel` asks to stop, what is written so far stands and the
  // result is a success with FinishReason::cancelled.
  // Errors: those of Generator::generate() and of ChatTemplate::render(); nothing of the conversation is kept then.
  virtual Result<engine::GenerateStats> answer(std::span<const ChatMessage> conversation, const ChatSettings& settings,
                                               const std::function<void(std::string_view)>& on_text,
                                               const std::stop_token& cancel) = 0;
};

}  // namespace exogpu::cli
