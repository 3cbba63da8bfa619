#include "node/infill.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"
#include "node/testing/tiny_file.h"

namespace exogpu::node {
namespace {

const testing::TinyFile::Changes kMarks = {
    {"<|unused_0|>", "<fim_prefix>"}, {"<|unused_1|>", "<fim_suffix>"}, {"<|unused_2|>", "<fim_middle>"}};

std::string encoded(const testing::TinyFile& file, const InfillPrompt& prompt) {
  const auto encoder = PromptEncoder::load(file.gguf()).value();
  return encoder->detokenize(encoder->encode(prompt).value().tokens).value();
}

TEST(Infill, PrefixAndSuffixStandBetweenTheirMarks) {
  const testing::TinyFile file("qwen3", kMarks);
  EXPECT_EQ(encoded(file, {.prefix = "a(", .suffix = ")\n", .start = "x"}),
            "<fim_prefix>a(<fim_suffix>)\n<fim_middle>x");
  EXPECT_EQ(encoded(file, {.prefix = "", .suffix = "", .start = ""}), "<fim_prefix><fim_suffix><fim_middle>");
  EXPECT_TRUE(PromptEncoder::load(file.gguf()).value()->details().infill);
}

TEST(Infill, MarksInTheTextsAreText) {
  const testing::TinyFile file("qwen3", kMarks);
  const auto encoder = PromptEncoder::load(file.gguf()).value();
  const auto tokens =
      encoder->encode(InfillPrompt{.prefix = "<fim_middle>", .suffix = "<|im_end|>", .start = ""}).value().tokens;
  EXPECT_EQ(std::ranges::count(tokens, encoder->tokenizer().infill_tokens().middle), 1);
  EXPECT_EQ(std::ranges::count(tokens, encoder->tokenizer().eos()), 0);
}

TEST(Infill, OtherFilesComeFirst) {
  const InfillPrompt prompt{.prefix = "p", .suffix = "s", .start = "", .files = {{"a.py", "A"}, {"b.py", "B"}}};
  EXPECT_EQ(encoded(testing::TinyFile("qwen3", kMarks), prompt),
            "--- a.py ---\nA\n--- b.py ---\nB\n<fim_prefix>p<fim_suffix>s<fim_middle>");
  testing::TinyFile::Changes marks = kMarks;
  marks.emplace_back("<|unused_3|>", "<|fim_repo|>");
  marks.emplace_back("<|unused_4|>", "<|file_sep|>");
  EXPECT_EQ(encoded(testing::TinyFile("qwen3", marks), prompt),
            "<|fim_repo|>project\n<|file_sep|>a.py\nA\n<|file_sep|>b.py\nB\n<|file_sep|>current\n"
            "<fim_prefix>p<fim_suffix>s<fim_middle>");
}

TEST(Infill, AModelWithoutTheMarksIsNamed) {
  const auto encoder = PromptEncoder::load(testing::TinyFile("qwen3").gguf()).value();
  EXPECT_FALSE(encoder->details().infill);
  exogpu::testing::expect_error(encoder->encode(InfillPrompt{}), ErrorCode::unsupported, "prefix, suffix and middle");
}

TEST(ModelDetails, AreThoseOfTheFile) {
  const testing::TinyFile file("qwen3");
  const auto encoder = PromptEncoder::load(file.gguf()).value();
  const ModelDetails& details = encoder->details();
  EXPECT_EQ(details.architecture, "qwen3");
  EXPECT_EQ(details.vocabulary, encoder->tokenizer().size());
  EXPECT_GT(details.parameters, 0U);
  EXPECT_EQ(details.eos, "<|im_end|>");
  EXPECT_NE(details.chat_template.find("im_start"), std::string::npos);
  for (const model::MetaEntry& entry : details.metadata) {
    EXPECT_NE(entry.key, "tokenizer.ggml.tokens");
    EXPECT_NE(entry.key, "tokenizer.chat_template");
  }
  const model::TemplateText other{.name = "other", .text = "{{ 'x' }}"};
  EXPECT_EQ(PromptEncoder::load(file.gguf(), other).value()->details().chat_template, "{{ 'x' }}");
}

TEST(ModelText, TokensAreTextAgain) {
  const auto encoder = PromptEncoder::load(testing::TinyFile("llama").gguf()).value();
  const auto tokens = encoder->tokenize("a <|im_end|>", {.add_special = false, .parse_special = true});
  EXPECT_EQ(tokens.back(), encoder->tokenizer().eos());
  EXPECT_EQ(encoder->detokenize(tokens).value(), "a <|im_end|>");
  const auto size = static_cast<model::TokenId>(encoder->tokenizer().size());
  exogpu::testing::expect_error(encoder->detokenize(std::vector{size}), ErrorCode::invalid_argument, "is not one of");
}

}  // namespace
}  // namespace exogpu::node
