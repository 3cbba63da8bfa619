// What a model needs besides its weights to hold a conversation: how text becomes tokens, and when an answer ends.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "engine/constraint/token_constraint.h"
#include "engine/generation.h"
#include "model/answer/answer_parser.h"
#include "model/chat_template.h"
#include "model/gguf.h"
#include "model/tokenizer/text_guard.h"
#include "model/tokenizer/tokenizer.h"
#include "node/model_details.h"

namespace exogpu::node {

// A text whose middle the model is to write.
struct InfillPrompt {
  struct File {
    std::string name, text;
  };
  std::string prefix, suffix;  // what stands before the middle and behind it
  std::string start;           // of the middle, which the answer continues
  std::vector<File> files{};   // others of the same repository
};

// A conversation for the model's chat template, or a text, or tokens as they are, or a text with a gap.
using Prompt = std::variant<model::ChatRequest, std::string, std::vector<model::TokenId>, InfillPrompt>;

// How the answer to a conversation is read.
struct AnswerReading {
  model::AnswerParserOptions parser;
  std::vector<model::TokenId> shown;  // special tokens whose text the parser must see
};

struct EncodedPrompt {
  std::vector<model::TokenId> tokens;
  bool opens_thought = false;  // the template has written "<think>" already; the answer continues after it
  // Texts that end the answer as an end token would: the marks of a template that are no tokens of this model.
  std::vector<std::string> end_texts{};
  std::optional<wire::Constraint> constraint{};  // of an answer that must call a tool
  std::optional<AnswerReading> reading{};        // none: all of the answer is text
  std::optional<std::string> echo{};             // the prompt itself, where the answer begins with it
  bool adds_bos = false;                         // the first token is not one of the prompt itself
};

// How a served model reads and writes text, and what its file says about it.
//
// Thread-safe. A call may take as long as a long text or a slow chat template does: seconds.
class ModelText {
 public:
  virtual ~ModelText() = default;

  virtual const ModelDetails& details() const = 0;
  // The tokens that a generation would begin with. Errors: invalid_argument (the template's own complaint or that it
  // took too long, a token outside the vocabulary, nothing at all), unsupported (a conversation where the template does
  // not parse, a text with a gap where the model has no tokens for that).
  virtual Result<EncodedPrompt> encode(const Prompt& prompt) = 0;
  // The conversation as the chat template writes it. Errors: those of encode().
  virtual Result<std::string> render(const model::ChatRequest& chat) = 0;
  virtual std::vector<model::TokenId> tokenize(std::string_view text, const model::EncodeOptions& options) const = 0;
  // With the texts of special tokens. Errors: invalid_argument (a token outside the vocabulary).
  virtual Result<std::string> detokenize(std::span<const model::TokenId> tokens) const = 0;
};

class PromptEncoder : public ModelText {
 public:
  // With `chat_template` the file's own is not used. A template of the file that does not parse is a warning, and an
  // error of each conversation.
  // Errors: those of Tokenizer::load(), and of ChatTemplate::load() for `chat_template`.
  static Result<std::unique_ptr<PromptEncoder>> load(
      const model::Gguf& file, const std::optional<model::TemplateText>& chat_template = std::nullopt);

  // What a user should know before the first conversation, a sentence each: the template does not parse, or this seems
  // to be a base model.
  const std::vector<std::string>& warnings() const { return warnings_; }

  const ModelDetails& details() const override { return details_; }
  Result<EncodedPrompt> encode(const Prompt& prompt) override;
  Result<std::string> render(const model::ChatRequest& request) override;
  std::vector<model::TokenId> tokenize(std::string_view text, const model::EncodeOptions& options) const override {
    return tokenizer_.encode(text, options);
  }
  Result<std::string> detokenize(std::span<const model::TokenId> tokens) const override;

  // Checks the constraint of an answer, where there is one, and has the answer begin with its text: a thought that the
  // prompt opens is closed. May take some hundred milliseconds.
  // Errors: those of ConstraintVocabulary, invalid_argument (ignore_end, with which no constrained answer ends).
  Result<void> constrain(const engine::GenerateOptions& options, EncodedPrompt& prompt) const;
  // Made at the first call. Errors: those of ConstraintVocabulary::of().
  Result<std::shared_ptr<engine::ConstraintVocabulary>> constraints() const EXO_EXCLUDES(constraints_mutex_);

  const model::Tokenizer& tokenizer() const { return tokenizer_; }
  // All that end an answer.
  const std::vector<model::TokenId>& end_tokens() const { return end_tokens_; }

 private:
  PromptEncoder(model::Tokenizer tokenizer, Result<model::ChatTemplate> chat_template);
  Result<void> check_tokens(std::span<const model::TokenId> tokens) const;
  Result<model::GuardedPrompt> render_guarded(const model::ChatRequest& request);
  Result<EncodedPrompt> encode_chat(const model::ChatRequest& request);
  AnswerReading reading_of(const model::ChatRequest& request, std::string_view prompt) const;

  model::Tokenizer tokenizer_;
  Mutex mutex_;
  Result<model::ChatTemplate> template_ EXO_GUARDED_BY(mutex_);
  model::TextGuard guard_;
  std::vector<std::string> end_texts_;  // of a conversation
  model::AnswerForm form_;
  std::vector<model::TokenId> shown_, shown_with_calls_;  // see AnswerReading
  std::vector<std::string> warnings_;
  ModelDetails details_;
  std::vector<model::TokenId> end_tokens_;
  mutable Mutex constraints_mutex_;
  mutable std::shared_ptr<engine::ConstraintVocabulary> constraints_ EXO_GUARDED_BY(constraints_mutex_);
};

}  // namespace exogpu::node
