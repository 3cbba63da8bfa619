#include "node/prompt_fit.h"

#include <gtest/gtest.h>

#include <set>

namespace exogpu::node {
namespace {

// A prompt of text has a token for each character.
class CharacterText final : public ModelText {
 public:
  const ModelDetails& details() const override { return details_; }
  Result<EncodedPrompt> encode(const Prompt& prompt) override {
    ++encoded;
    const auto& text = std::get<std::string>(prompt);
    if (text.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
    return EncodedPrompt{.tokens = {text.begin(), text.end()}};
  }
  Result<std::string> render(const model::ChatRequest&) override { return fail(ErrorCode::unsupported, "no chats"); }
  std::vector<model::TokenId> tokenize(std::string_view, const model::EncodeOptions&) const override { return {}; }
  Result<std::string> detokenize(std::span<const model::TokenId>) const override { return std::string(); }

  int encoded = 0;

 private:
  ModelDetails details_;
};

// `turns` of ten characters and two messages each, of which the last stays.
GenerationRequest conversation(uint32_t turns, bool shortens, uint32_t tokens_max = 5) {
  const auto text = [](uint32_t of) { return Prompt(std::string(size_t{of} * 10, 'x')); };
  GenerationRequest request{.model = "m", .prompt = text(turns), .options = {}};
  request.options.tokens_max = tokens_max;
  if (!shortens) return request;
  request.shortening = Shortening{.turns = turns - 1, .without = [=](uint32_t gone) {
                                    return ShortenedPrompt{.prompt = text(turns - gone), .messages_removed = gone * 2};
                                  }};
  return request;
}

TEST(PromptFit, TheAnswerHasRoomForWhatItMayHave) {
  EXPECT_EQ(answer_room(1000, 5), 5U);
  EXPECT_EQ(answer_room(1000, 500), 250U);
  EXPECT_EQ(answer_room(1000, 0), 250U);
  EXPECT_EQ(answer_room(2, 0), 1U);
}

TEST(PromptFit, WhatFitsIsNotChanged) {
  CharacterText text;
  const auto fitted = fit_prompt(text, conversation(9, true), 95);
  ASSERT_TRUE(fitted);
  EXPECT_EQ(fitted->messages_removed, 0U);
  EXPECT_EQ(fitted->prompt.tokens.size(), 90U);
  EXPECT_EQ(text.encoded, 1);
}

TEST(PromptFit, TheFewestTurnsGo) {
  for (uint32_t context = 15; context < 1000; context += 7) {
    CharacterText text;
    const auto fitted = fit_prompt(text, conversation(100, true), context);
    ASSERT_TRUE(fitted) << context << ": " << fitted.error().message;
    const auto turns = (context - std::min(5U, context / 4)) / 10;
    EXPECT_EQ(fitted->prompt.tokens.size(), turns * 10) << context;
    EXPECT_EQ(fitted->messages_removed, (100 - turns) * 2);
    EXPECT_LE(text.encoded, 9);
  }
}

TEST(PromptFit, NothingGoesUnasked) {
  CharacterText text;
  const auto fitted = fit_prompt(text, conversation(9, false), 50);
  ASSERT_TRUE(fitted);
  EXPECT_EQ(fitted->prompt.tokens.size(), 90U);
}

TEST(PromptFit, ATurnThatIsTooLongIsAnErrorWithAllNumbers) {
  CharacterText text;
  const auto fitted = fit_prompt(text, conversation(3, true), 12);
  ASSERT_FALSE(fitted);
  EXPECT_EQ(fitted.error().code, ErrorCode::resource_exhausted);
  for (const char* number : {"30 tokens", "and 10 without", "with 3 for", "context of 12"}) {
    EXPECT_TRUE(fitted.error().message.contains(number)) << fitted.error().message;
  }
  EXPECT_FALSE(fit_prompt(text, conversation(1, true), 12));
}

}  // namespace
}  // namespace exogpu::node
