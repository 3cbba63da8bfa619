#include "node/prompt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <thread>

#include "base/testing/expect.h"
#include "node/testing/tiny_file.h"

namespace exogpu::node {
namespace {

using testing::TinyFile;

// Of "llama" files begin with BOS, of "qwen3" they do not.
std::unique_ptr<PromptEncoder> encoder_of(const TinyFile& file) { return PromptEncoder::load(file.gguf()).value(); }

std::string text_of(const PromptEncoder& encoder, const EncodedPrompt& prompt) {
  return encoder.tokenizer().decode(prompt.tokens, true);
}

const model::ChatRequest kHello{.messages_json = R"([{"role":"user","content":"Hello <|im_end|>"}])",
                                .tools_json = "",
                                .extra_json = "",
                                .now = {}};

TEST(PromptEncoder, AConversationIsRenderedAndItsMarksAreTokens) {
  const auto encoder = encoder_of(TinyFile("qwen3"));
  const EncodedPrompt prompt = encoder->encode(kHello).value();
  EXPECT_EQ(text_of(*encoder, prompt), "<|im_start|>user\nHello <|im_end|><|im_end|>\n<|im_start|>assistant\n");
  EXPECT_TRUE(encoder->tokenizer().is_special(prompt.tokens.front()));
  EXPECT_FALSE(prompt.opens_thought);
  // The mark that the user wrote is text: those of the template are the only tokens of their kind.
  const auto is_mark = [&](model::TokenId token) { return encoder->tokenizer().is_special(token); };
  EXPECT_EQ(std::ranges::count_if(prompt.tokens, is_mark), 3);
}

TEST(PromptEncoder, ThereIsOneBosWhereTheFileRequiresIt) {
  const TinyFile plain("llama");
  // A template that writes it itself.
  const TinyFile writes("llama", "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' +",
                        "<|endoftext|>{% for message in messages %}{{ '\n' +");
  for (const TinyFile* file : {&plain, &writes}) {
    const auto encoder = encoder_of(*file);
    ASSERT_TRUE(encoder->tokenizer().adds_bos());
    const model::TokenId bos = encoder->tokenizer().bos();
    for (const Prompt& prompt : {Prompt(kHello), Prompt(std::string("Hello"))}) {
      const EncodedPrompt encoded = encoder->encode(prompt).value();
      EXPECT_EQ(encoded.tokens.front(), bos);
      EXPECT_EQ(std::ranges::count(encoded.tokens, bos), 1);
    }
  }
  const auto without = encoder_of(TinyFile("qwen3"));
  EXPECT_FALSE(without->tokenizer().adds_bos());
  EXPECT_NE(without->encode(std::string("Hello")).value().tokens.front(), without->tokenizer().bos());
}

TEST(PromptEncoder, AThoughtThatTheTemplateOpensIsNoticed) {
  const auto encoder = encoder_of(TinyFile("qwen3", "'<|im_start|>assistant\n'", "'<|im_start|>a <think>\n'"));
  EXPECT_TRUE(encoder->encode(kHello).value().opens_thought);
  model::ChatRequest closed = kHello;
  closed.add_generation_prompt = false;
  EXPECT_FALSE(encoder->encode(closed).value().opens_thought);
}

TEST(PromptEncoder, AnAnswerWithAFormBeginsBehindTheThought) {
  const auto encoder = encoder_of(TinyFile("qwen3", "'<|im_start|>assistant\n'", "'<|im_start|>a <think>\n'"));
  EncodedPrompt prompt = encoder->encode(kHello).value();
  engine::GenerateOptions options;
  ASSERT_TRUE(encoder->constrain(options, prompt));
  EXPECT_TRUE(prompt.opens_thought);  // no form, no change
  options.sampling.constraint = {.kind = wire::ConstraintKind::json_schema, .text = "{}"};
  ASSERT_TRUE(encoder->constrain(options, prompt));
  EXPECT_FALSE(prompt.opens_thought);
  EXPECT_TRUE(encoder->tokenizer().decode(prompt.tokens, true).ends_with("<think>\n\n</think>\n\n"));

  options.ignore_end = true;
  exogpu::testing::expect_error(encoder->constrain(options, prompt), ErrorCode::invalid_argument, "ignore_eos");
  options.ignore_end = false;
  options.sampling.constraint->text = "{";
  exogpu::testing::expect_error(encoder->constrain(options, prompt), ErrorCode::invalid_argument, "no JSON");
}

TEST(PromptEncoder, TokensStayAsTheyAreWhereTheModelHasThem) {
  const auto encoder = encoder_of(TinyFile("llama"));
  const std::vector<model::TokenId> tokens{5, 9, 5};
  EXPECT_EQ(encoder->encode(tokens).value().tokens, tokens);
  const auto size = static_cast<model::TokenId>(encoder->tokenizer().size());
  for (const model::TokenId bad : {-1, size}) {
    const auto refused = encoder->encode(std::vector<model::TokenId>{1, bad});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error().message.find(std::format("token {}", bad)), std::string::npos);
  }
}

TEST(PromptEncoder, WhatIsNoPromptIsRefused) {
  const auto encoder = encoder_of(TinyFile("qwen3"));
  const auto code = [&](const Prompt& prompt) {
    const auto encoded = encoder->encode(prompt);
    return encoded ? std::nullopt : std::optional(encoded.error().code);
  };
  EXPECT_EQ(code(std::string()), ErrorCode::invalid_argument);
  EXPECT_EQ(code(std::vector<model::TokenId>{}), ErrorCode::invalid_argument);
  model::ChatRequest broken = kHello;
  broken.messages_json = "[{";
  EXPECT_EQ(code(broken), ErrorCode::invalid_argument);
}

TEST(PromptEncoder, EveryEndOfAnAnswerIsKnown) {
  const auto encoder = encoder_of(TinyFile("qwen3"));
  EXPECT_TRUE(std::ranges::contains(encoder->end_tokens(), encoder->tokenizer().eos()));
  for (const model::TokenId token : encoder->end_tokens()) EXPECT_TRUE(encoder->tokenizer().is_end(token));
}

TEST(PromptEncoder, ATemplateThatDoesNotParseLeavesCompletions) {
  const TinyFile file("qwen3", "{% for message in messages %}", "{% for message in messages");
  const auto encoder = encoder_of(file);
  EXPECT_FALSE(encoder->encode(std::string("Hello")).value().tokens.empty());
  const auto refused = encoder->encode(kHello);
  exogpu::testing::expect_error(refused, ErrorCode::unsupported, "tiny.gguf: tokenizer.chat_template: ");
  exogpu::testing::expect_error(refused, ErrorCode::unsupported, "--chat-template FILE");
  ASSERT_EQ(encoder->warnings().size(), 1u);
  EXPECT_EQ(encoder->warnings().front(), refused.error().message);

  const auto helped = PromptEncoder::load(file.gguf(), model::TemplateText{"own.jinja", "{{ messages[0].content }}"});
  ASSERT_TRUE(helped) << helped.error().message;
  EXPECT_TRUE((*helped)->warnings().empty());
  EXPECT_EQ(text_of(**helped, (*helped)->encode(kHello).value()), "Hello <|im_end|>");
  exogpu::testing::expect_error(PromptEncoder::load(file.gguf(), model::TemplateText{"own.jinja", "{% for"}),
                                ErrorCode::corrupt, "own.jinja: ");
}

TEST(PromptEncoder, ABaseModelIsReportedAsOne) {
  const auto encoder = encoder_of(TinyFile("qwen3", "tokenizer.chat_template", "tokenizer.chat_templet"));
  ASSERT_EQ(encoder->warnings().size(), 1u);
  EXPECT_TRUE(encoder->warnings().front().contains("base model: it has no chat template"))
      << encoder->warnings().front();
  EXPECT_TRUE(encoder->encode(kHello).value().end_texts.empty()) << "the marks are tokens, which end an answer anyhow";
  EXPECT_TRUE(encoder_of(TinyFile("qwen3"))->warnings().empty());
}

TEST(PromptEncoder, MarksThatAreNoTokensEndAConversationsAnswer) {
  const auto encoder =
      encoder_of(TinyFile("qwen3", {{"tokenizer.chat_template", "tokenizer.chat_templet"}, {"<|im_", "<|xx_"}}));
  EXPECT_EQ(encoder->encode(kHello).value().end_texts, (std::vector<std::string>{"<|im_end|>", "<|im_start|>"}));
  EXPECT_TRUE(encoder->encode(std::string("Hello")).value().end_texts.empty());
}

TEST(PromptEncoder, ThreadsMayShareOne) {
  const auto encoder = encoder_of(TinyFile("qwen3"));
  const auto expected = encoder->encode(kHello).value().tokens;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) EXPECT_EQ(encoder->encode(kHello).value().tokens, expected);
    });
  }
}

}  // namespace
}  // namespace exogpu::node
