// What a model needs besides its weights to hold a conversation: how text becomes tokens, and when an answer ends.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/chat_template.h"
#include "model/gguf.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::node {

// A conversation for the model's chat template, or a text, or tokens as they are.
using Prompt = std::variant<model::ChatRequest, std::string, std::vector<model::TokenId>>;

struct EncodedPrompt {
  std::vector<model::TokenId> tokens;
  bool opens_thought = false;  // the template has written "<think>" already; the answer goes on behind it
};

// Thread-safe.
class PromptEncoder {
 public:
  // Errors: those of Tokenizer::load() and ChatTemplate::load().
  static Result<std::unique_ptr<PromptEncoder>> load(const model::Gguf& file);

  // Errors: invalid_argument (the template's own complaint or that it took too long, a token outside the vocabulary,
  // nothing at all).
  Result<EncodedPrompt> encode(const Prompt& prompt);

  const model::Tokenizer& tokenizer() const { return tokenizer_; }
  // All that end an answer.
  const std::vector<model::TokenId>& end_tokens() const { return end_tokens_; }

 private:
  PromptEncoder(model::Tokenizer tokenizer, model::ChatTemplate chat_template);
  Result<EncodedPrompt> encode_chat(const model::ChatRequest& request);

  model::Tokenizer tokenizer_;
  std::mutex mutex_;  // of the template
  model::ChatTemplate template_;
  std::vector<model::TokenId> end_tokens_;
};

}  // namespace exogpu::node
