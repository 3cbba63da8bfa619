// The chat's interface to a model: answers a conversation.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/generation.h"

namespace exogpu::cli {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

struct ChatSettings {
  engine::GenerateOptions generate;
  std::optional<bool> thinking;  // the template variable enable_thinking; empty: the template's default
};

class ChatBackend {
 public:
  virtual ~ChatBackend() = default;

  // One line about the model for the head of the chat: its name and its device.
  virtual std::string description() const = 0;
  virtual uint32_t context_tokens() const = 0;

  // Answers the last message. `on_text` gets the answer piece by piece in whole characters; if the prompt itself opened
  // a thought, the first text is its "<think>". When `cancel` requests a stop, the text so far stands, and the result
  // is a success with FinishReason::cancelled.
  // Errors: those of LocalGenerator::generate() and ChatTemplate::render(); the conversation is then not changed.
  virtual Result<engine::GenerateStats> answer(std::span<const ChatMessage> conversation, const ChatSettings& settings,
                                               const std::function<void(std::string_view)>& on_text,
                                               const std::stop_token& cancel) = 0;
};

}  // namespace exogpu::cli
