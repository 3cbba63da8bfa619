// The text side of the words service's models: each byte is a token, and a conversation is written "<role>content".
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "node/prompt.h"

namespace exogpu::api::testing {

class WordsText : public node::ModelText {
 public:
  static constexpr model::TokenId kBos = 256;

  const node::ModelDetails& details() const override { return details_; }

  Result<node::EncodedPrompt> encode(const node::Prompt& prompt) override {
    if (const auto* tokens = std::get_if<std::vector<model::TokenId>>(&prompt)) {
      return node::EncodedPrompt{.tokens = *tokens};
    }
    if (const auto* text = std::get_if<std::string>(&prompt)) return node::EncodedPrompt{.tokens = tokenize(*text, {})};
    if (std::holds_alternative<node::InfillPrompt>(prompt)) {
      return fail(ErrorCode::unsupported, "words have no middle");
    }
    EXO_TRY(const std::string text, render(std::get<model::ChatRequest>(prompt)));
    return node::EncodedPrompt{.tokens = tokenize(text, {})};
  }

  Result<std::string> render(const model::ChatRequest& chat) override {
    std::string text;
    for (const auto& message : nlohmann::json::parse(chat.messages_json)) {
      text += "<" + message.at("role").get<std::string>() + ">" + message.value("content", "");
    }
    return text;
  }

  std::vector<model::TokenId> tokenize(std::string_view text, const model::EncodeOptions& options) const override {
    std::vector<model::TokenId> tokens;
    if (options.add_special) tokens.push_back(kBos);
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }

  Result<std::string> detokenize(std::span<const model::TokenId> tokens) const override {
    std::string text;
    for (const model::TokenId token : tokens) {
      if (token < 0 || token > kBos)
        return fail(ErrorCode::invalid_argument, "token {} is not one of the model's", token);
      if (token < kBos) text += static_cast<char>(token);
    }
    return text;
  }

 private:
  node::ModelDetails details_{
      .name = "Words",
      .architecture = "words",
      .file_type = "Q8_0",
      .parameters = 1'500'000'000,
      .weight_bytes = 123'456,
      .context_length = 1000,
      .width = 64,
      .vocabulary = 257,
      .chat_template = "words",
      .metadata = {{"general.architecture", std::string("words")}, {"words.context_length", int64_t{1000}}}};
};

}  // namespace exogpu::api::testing
