// What a model needs besides its weights to hold a conversation: how text becomes tokens, and when an answer ends.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/chat_template.h"
#include "model/gguf.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::node {

// A conversation for the model's chat template, or a text, or tokens as they are.
using Prompt = std::variant<model::ChatRequest, std::string, std::vector<model::TokenId>>;

struct EncodedPrompt {
  std::vector<model::TokenId> tokens;
  bool opens_thought = false;  // the template has written "<think>" already; the answer continues after it
  // Texts that end the answer as an end token would: the marks of a template that are no tokens of this model.
  std::vector<std::string> end_texts{};
};

// Thread-safe.
class PromptEncoder {
 public:
  // With `chat_template` the file's own is not used. A template of the file that does not parse is a warning, and an
  // error of each conversation.
  // Errors: those of Tokenizer::load(), and of ChatTemplate::load() for `chat_template`.
  static Result<std::unique_ptr<PromptEncoder>> load(
      const model::Gguf& file, const std::optional<model::TemplateText>& chat_template = std::nullopt);

  // What a user should know before the first conversation, a sentence each: the template does not parse, or this seems
  // to be a base model.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Errors: invalid_argument (the template's own complaint or that it took too long, a token outside the vocabulary,
  // nothing at all), unsupported (a conversation where the template does not parse).
  Result<EncodedPrompt> encode(const Prompt& prompt);

  const model::Tokenizer& tokenizer() const { return tokenizer_; }
  // All that end an answer.
  const std::vector<model::TokenId>& end_tokens() const { return end_tokens_; }

 private:
  PromptEncoder(model::Tokenizer tokenizer, Result<model::ChatTemplate> chat_template);
  Result<EncodedPrompt> encode_chat(const model::ChatRequest& request);

  model::Tokenizer tokenizer_;
  Mutex mutex_;
  Result<model::ChatTemplate> template_ EXO_GUARDED_BY(mutex_);
  std::vector<std::string> end_texts_;  // of a conversation
  std::vector<std::string> warnings_;
  std::vector<model::TokenId> end_tokens_;
};

}  // namespace exogpu::node
