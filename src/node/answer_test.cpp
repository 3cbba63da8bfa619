#include "node/answer.h"

#include <gtest/gtest.h>

#include <optional>

#include "node/testing/tiny_file.h"

namespace exogpu::node {
namespace {

struct AnswerRecorder final : GenerationListener {
  void on_prompt(uint32_t) override { ADD_FAILURE() << "not an answer's business"; }
  void on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const TokenReport> tokens) override {
    EXPECT_EQ(answer, 3U);
    EXPECT_FALSE(stats) << "a call after the end";
    pieces.push_back(piece.text);
    reports.insert(reports.end(), tokens.begin(), tokens.end());
  }
  void on_end(uint32_t answer, const engine::GenerateStats& now) override {
    EXPECT_EQ(answer, 3U);
    EXPECT_FALSE(stats) << "it ended twice";
    stats = now;
  }
  void on_error(const Error& error) override { ADD_FAILURE() << error.message; }
  std::string text() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
  std::vector<std::string> pieces;
  std::vector<TokenReport> reports;
  std::optional<engine::GenerateStats> stats;
};

class AnswerTest : public ::testing::Test {
 protected:
  Answer answer(const engine::GenerateOptions& options = {}, bool opens_thought = false) {
    const EncodedPrompt prompt{.tokens = std::vector<model::TokenId>(17), .opens_thought = opens_thought};
    return Answer::create(3, options, prompt, tokenizer, recorded).value();
  }
  // Byte for byte, so that each is a token of its own.
  wire::SampledToken token(char byte) const {
    for (wire::TokenId id = 0; id < 256; ++id) {
      if (tokenizer.piece(id) == std::string(1, byte)) return {.token = id};
    }
    ADD_FAILURE() << "no token for a byte";
    return {};
  }
  bool push_all(Answer& to, std::string_view text) const {
    bool over = false;
    for (const char byte : text) over = to.on_event({.token = token(byte)});
    return over;
  }

  model::Tokenizer tokenizer = model::Tokenizer::load(testing::TinyFile("qwen3").gguf()).value();
  AnswerRecorder recorded;
};

TEST_F(AnswerTest, CharactersComeWhole) {
  Answer one = answer();
  push_all(one, "a\u00e9\u4e16");
  EXPECT_EQ(recorded.pieces, (std::vector<std::string>{"a", "\u00e9", "\u4e16"}));
  EXPECT_FALSE(one.on_event({.prompt_reused = 5}));
  one.end(engine::FinishReason::length);
  EXPECT_TRUE(one.ended());
  ASSERT_TRUE(recorded.stats);
  EXPECT_EQ(recorded.stats->reason, engine::FinishReason::length);
  EXPECT_EQ(recorded.stats->prompt_tokens, 17U);
  EXPECT_EQ(recorded.stats->prompt_reused, 5U);
  EXPECT_EQ(recorded.stats->answer_tokens, 6U);
  EXPECT_GE(recorded.stats->prompt_time.count(), 0);
  EXPECT_GE(recorded.stats->answer_time.count(), 0);
}

TEST_F(AnswerTest, ACharacterThatIsCutOffIsMarked) {
  Answer one = answer();
  push_all(one, "ab\xC3");
  EXPECT_EQ(recorded.text(), "ab");
  one.end(engine::FinishReason::context_full);
  EXPECT_EQ(recorded.text(), "ab\uFFFD");
}

TEST_F(AnswerTest, AStopStringEndsItAndIsNotShown) {
  Answer one = answer({.sampling = {}, .tokens_max = 0, .stops = {"zebra", "END"}});
  EXPECT_FALSE(push_all(one, "the EN"));
  EXPECT_EQ(recorded.text(), "the ");  // the rest may be the beginning of a stop string
  EXPECT_TRUE(push_all(one, "D"));
  EXPECT_TRUE(one.ended());
  EXPECT_EQ(recorded.text(), "the ");
  EXPECT_EQ(recorded.stats->reason, engine::FinishReason::stop_string);
  EXPECT_EQ(recorded.stats->stop, "END");
  EXPECT_EQ(recorded.stats->answer_tokens, 7U);
  EXPECT_TRUE(push_all(one, "more"));  // of tokens that were under way
  one.end(engine::FinishReason::length);
  EXPECT_EQ(recorded.text(), "the ");
}

TEST_F(AnswerTest, WhatLookedLikeAStopStringIsTextWhenItEnds) {
  Answer one = answer({.sampling = {}, .tokens_max = 0, .stops = {"END"}});
  EXPECT_FALSE(push_all(one, "the EN"));
  EXPECT_TRUE(
      one.on_event({.token = wire::SampledToken{.token = tokenizer.eos()}, .end = wire::GenerateEnd::end_of_text}));
  EXPECT_EQ(recorded.stats->reason, engine::FinishReason::end_of_text);
  EXPECT_EQ(recorded.text(), "the EN");
  EXPECT_EQ(recorded.stats->answer_tokens, 6U);  // the end is no part of it
}

TEST_F(AnswerTest, AThoughtThatThePromptOpenedIsOpenedInTheAnswer) {
  Answer one = answer({}, true);
  push_all(one, "hm");
  EXPECT_EQ(recorded.text(), "<think>hm");
}

TEST_F(AnswerTest, EveryTokenIsReportedWhereThatIsAskedFor) {
  engine::GenerateOptions options;
  options.sampling.logprobs = 2;
  Answer one = answer(options);
  for (const char byte : {'\xC3', '\xA9'}) {
    wire::SampledToken next = token(byte);
    next.logprob = -0.5F;
    next.top = {{.token = next.token, .logprob = -0.5F}, {.token = token('x').token, .logprob = -2}};
    EXPECT_FALSE(one.on_event({.token = next}));
  }
  EXPECT_EQ(recorded.text(), "\u00e9");
  ASSERT_EQ(recorded.reports.size(), 2U);  // the first of them completes no character
  EXPECT_EQ(recorded.reports[0].chosen.bytes, "\xC3");
  EXPECT_EQ(recorded.reports[1].chosen.bytes, "\xA9");
  EXPECT_EQ(recorded.reports[1].chosen.logprob, -0.5F);
  ASSERT_EQ(recorded.reports[1].likeliest.size(), 2U);
  EXPECT_EQ(recorded.reports[1].likeliest[1].bytes, "x");
  EXPECT_EQ(recorded.reports[1].likeliest[1].logprob, -2);
}

// From a node that is not what it should be.
TEST_F(AnswerTest, ATokenThatIsNoneIsNoText) {
  Answer one = answer();
  for (const wire::TokenId id : {-1, 1 << 30}) {
    EXPECT_FALSE(one.on_event({.token = wire::SampledToken{.token = id}}));
  }
  push_all(one, "ok");
  EXPECT_EQ(recorded.text(), "ok");
}

TEST_F(AnswerTest, AnEmptyStopStringIsRefused) {
  const auto created = Answer::create(0, {.sampling = {}, .tokens_max = 0, .stops = {""}}, {}, tokenizer, recorded);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace exogpu::node
