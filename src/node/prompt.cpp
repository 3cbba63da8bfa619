#include "node/prompt.h"

#include <string_view>

namespace exogpu::node {
namespace {

// A prompt that ends with an opened thought has the model write only its rest.
bool ends_in_thought(std::string_view prompt) {
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' ')) prompt.remove_suffix(1);
  return prompt.ends_with("<think>");
}

}  // namespace

Result<std::unique_ptr<PromptEncoder>> PromptEncoder::load(const model::Gguf& file) {
  EXO_TRY(model::Tokenizer tokenizer, model::Tokenizer::load(file));
  EXO_TRY(model::ChatTemplate chat_template, model::ChatTemplate::load(file));
  return std::unique_ptr<PromptEncoder>(new PromptEncoder(std::move(tokenizer), std::move(chat_template)));
}

PromptEncoder::PromptEncoder(model::Tokenizer tokenizer, model::ChatTemplate chat_template)
    : tokenizer_(std::move(tokenizer)), template_(std::move(chat_template)) {
  for (uint32_t token = 0; token < tokenizer_.size(); ++token) {
    if (tokenizer_.is_end(static_cast<model::TokenId>(token))) {
      end_tokens_.push_back(static_cast<model::TokenId>(token));
    }
  }
}

Result<EncodedPrompt> PromptEncoder::encode_chat(const model::ChatRequest& request) {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    auto rendered = template_.render(request);
    // Of a node, resource_exhausted means a prompt that is too long.
    if (!rendered && rendered.error().code == ErrorCode::resource_exhausted) {
      rendered.error().code = ErrorCode::invalid_argument;
    }
    EXO_TRY(text, std::move(rendered));
  }
  // Most templates write BOS themselves; a second one would confuse the model.
  EncodedPrompt prompt{.tokens = tokenizer_.encode(text, {.add_special = false, .parse_special = true}),
                       .opens_thought = ends_in_thought(text)};
  if (tokenizer_.adds_bos() && (prompt.tokens.empty() || prompt.tokens.front() != tokenizer_.bos())) {
    prompt.tokens.insert(prompt.tokens.begin(), tokenizer_.bos());
  }
  return prompt;
}

Result<EncodedPrompt> PromptEncoder::encode(const Prompt& prompt) {
  EncodedPrompt encoded;
  if (const auto* chat = std::get_if<model::ChatRequest>(&prompt)) {
    EXO_TRY(encoded, encode_chat(*chat));
  } else if (const auto* text = std::get_if<std::string>(&prompt)) {
    encoded.tokens = tokenizer_.encode(*text, {.add_special = true, .parse_special = true});
  } else {
    encoded.tokens = std::get<std::vector<model::TokenId>>(prompt);
    for (const model::TokenId token : encoded.tokens) {
      if (token < 0 || static_cast<uint32_t>(token) >= tokenizer_.size()) {
        return fail(ErrorCode::invalid_argument, "token {} is not one of the model's {}", token, tokenizer_.size());
      }
    }
  }
  if (encoded.tokens.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
  return encoded;
}

}  // namespace exogpu::node
