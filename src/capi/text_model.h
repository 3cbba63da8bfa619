// What all models of the library offer, wherever their layers are computed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/generation.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::capi {

struct AnswerRequest {
  std::optional<std::string> messages{};  // JSON of a conversation; without one, `prompt` is a text to continue
  std::string prompt{};
  std::string variables{};  // JSON, or empty
  engine::GenerateOptions options{};
};

using OnText = std::function<void(std::string_view)>;

// Any thread may call. Calls wait, except where they say otherwise.
class TextModel {
 public:
  virtual ~TextModel() = default;

  virtual Result<std::string> json() = 0;
  virtual Result<std::vector<model::TokenId>> tokenize(std::string_view text, const model::EncodeOptions& options) = 0;
  virtual Result<std::string> detokenize(std::span<const model::TokenId> tokens) = 0;
  virtual Result<std::string> render(const std::string& messages) = 0;
  virtual Result<std::vector<float>> embed(std::string_view text) = 0;
  // `on_text` gets the answer in whole characters as it grows, reasoning between <think> and </think>, on any thread
  // but only until this returns. When `cancel` asks to stop, the result is a success with FinishReason::cancelled.
  virtual Result<engine::GenerateStats> generate(const AnswerRequest& request, const OnText& on_text,
                                                 const std::stop_token& cancel) = 0;
};

}  // namespace exogpu::capi
