// Checks every kind of tokenizer on small vocabularies: text survives encoding and decoding, and bad files are refused.
#include "model/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "model/testing/small_vocab.h"

namespace exogpu::model {
namespace {

using testing::byte_alphabet;
using testing::byte_pair_vocab;
using testing::GgufWriter;
using testing::sentencepiece_vocab;

Result<Tokenizer> load(const GgufWriter& writer) {
  std::vector<std::byte> bytes = writer.bytes();
  EXO_TRY(Gguf file, Gguf::parse(bytes, "vocab.gguf"));
  return Tokenizer::load(file);
}

constexpr std::array kTexts = {"hello",
                               "hello hello",
                               " leading and  double   spaces ",
                               "It's 12345 o'clock, isn't it?\n\n\tYes.",
                               "Grüße aus Zürich, 東京, Москва und 👩‍👩‍👧",
                               "a\r\nb\u00A0c\u3000d",
                               "",
                               "<|im_end|> is only text here"};

class PreTokenizer : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tokenizer, PreTokenizer,
                         ::testing::Values("default", "llama-bpe", "qwen2", "gpt-2", "deepseek-llm", "deepseek-coder",
                                           "falcon", "starcoder", "refact", "mpt", "gpt-neox", "olmo", "tekken",
                                           "smollm", "command-r", "llama3", "stablelm2", "dbrx", "viking", "jais",
                                           "chatglm-bpe", "exaone", "gpt-4o", "deepseek-v3", "qwen35"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace_if(name, [](char c) { return c == '-'; }, '_');
                           return name;
                         });

TEST_P(PreTokenizer, TextComesBackAsItWent) {
  auto tokenizer = load(byte_pair_vocab(GetParam()));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  for (std::string_view text : kTexts)
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, {.add_special = false})), text);
  EXPECT_EQ(tokenizer->encode("hello", {.add_special = false}).size(), 1U);
}

TEST(Tokenizer, SentencePieceTextComesBackAsItWent) {
  auto tokenizer = load(sentencepiece_vocab());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  for (std::string_view text : kTexts) EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  EXPECT_EQ(tokenizer->piece(tokenizer->encode("hello", {.add_special = false}).front()), " hello");
}

TEST(Tokenizer, WhatTheVocabularyLacksIsSpelledInBytes) {
  auto tokenizer = load(sentencepiece_vocab());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  std::vector<TokenId> ids = tokenizer->encode("é", {.add_special = false});
  ASSERT_GE(ids.size(), 2U);
  EXPECT_EQ(ids[ids.size() - 2], 3 + 0xC3);
  EXPECT_EQ(ids[ids.size() - 1], 3 + 0xA9);
}

// A byte token whose digits are a number to some parsers, and none.
TEST(Tokenizer, AByteTokenHasTwoDigits) {
  const std::string spelled[] = {"<0x-1>", "<0x+1>", "<0x 1>",       "<0x1>", "<0x100>",
                                 "<0xG0>", "<0x0G>", "<0x\xFF\xFF>", "<0x>"};
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "<0x41>"};
  tokens.insert(tokens.end(), std::begin(spelled), std::end(spelled));
  std::vector<int32_t> types(tokens.size(), 6);
  std::fill_n(types.begin(), 3, 3);
  GgufWriter writer = testing::vocab_head("llama");
  writer.array("tokenizer.ggml.tokens", tokens).array("tokenizer.ggml.token_type", types);
  writer.array("tokenizer.ggml.scores", std::vector<float>(tokens.size(), 0));
  const auto tokenizer = load(writer);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->piece(3), "A");
  for (size_t i = 0; i < std::size(spelled); ++i) {
    const auto id = static_cast<TokenId>(4 + i);
    EXPECT_EQ(tokenizer->piece(id), spelled[i]) << "no byte, so its text";
    EXPECT_TRUE(is_utf8(TokenStream(*tokenizer).push(id)));
  }
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("A", {.add_special = false})), "A");
}

TEST(Tokenizer, SpecialTokensAreReadOnlyWhereAsked) {
  auto tokenizer = load(byte_pair_vocab("qwen2"));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("<|im_end|>", {.add_special = false, .parse_special = true}),
            std::vector<TokenId>{testing::kEosId});
  EXPECT_GT(tokenizer->encode("<|im_end|>", {.add_special = false}).size(), 1U);
  EXPECT_TRUE(tokenizer->is_end(testing::kEosId));
  EXPECT_TRUE(tokenizer->is_special(testing::kBosId));
  EXPECT_EQ(tokenizer->piece(testing::kEosId), "");
  EXPECT_EQ(tokenizer->piece(testing::kEosId, true), "<|im_end|>");
}

TEST(Tokenizer, AStreamNeverShowsHalfACharacter) {
  for (const GgufWriter& vocab : {byte_pair_vocab("gpt-2"), sentencepiece_vocab()}) {
    auto tokenizer = load(vocab);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    for (std::string_view text : kTexts) {
      TokenStream stream(*tokenizer);
      std::string shown;
      for (TokenId id : tokenizer->encode(text, {.add_special = false})) {
        std::string piece = stream.push(id);
        EXPECT_TRUE(is_utf8(piece)) << printable(piece);
        shown += piece;
      }
      shown += stream.flush();
      if (shown.starts_with(' ') && !text.starts_with(' ')) shown.erase(0, 1);  // added by SentencePiece
      if (text.starts_with(' ') && shown.starts_with("  ")) shown.erase(0, 1);
      EXPECT_EQ(shown, text);
    }
  }
}

TEST(Tokenizer, HalfACharacterAtTheEndIsReplaced) {
  auto tokenizer = load(byte_pair_vocab("gpt-2"));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  TokenStream stream(*tokenizer);
  EXPECT_EQ(stream.push(3 + 0xE6), "");
  EXPECT_EQ(stream.flush(), "\uFFFD");
}

TEST(Tokenizer, UnknownKindsAreNamed) {
  GgufWriter rwkv;
  rwkv.meta("tokenizer.ggml.model", "rwkv").array("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  auto kind = load(rwkv);
  ASSERT_FALSE(kind);
  EXPECT_EQ(kind.error().code, ErrorCode::unsupported);
  EXPECT_NE(kind.error().message.find("\"rwkv\""), std::string::npos) << kind.error().message;

  auto pre = load(byte_pair_vocab("martian"));
  ASSERT_FALSE(pre);
  EXPECT_EQ(pre.error().code, ErrorCode::unsupported);
  EXPECT_NE(pre.error().message.find("\"martian\""), std::string::npos) << pre.error().message;

  EXPECT_FALSE(load(GgufWriter()));
}

TEST(Tokenizer, ContradictionsAreRefused) {
  auto code = [](const GgufWriter& writer) {
    auto tokenizer = load(writer);
    return tokenizer ? std::optional<ErrorCode>() : tokenizer.error().code;
  };
  GgufWriter empty = testing::vocab_head("llama");
  EXPECT_EQ(code(empty), ErrorCode::corrupt);
  GgufWriter without_scores = testing::vocab_head("llama");
  without_scores.array("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "<s>", "</s>"});
  EXPECT_EQ(code(without_scores), ErrorCode::corrupt);
  GgufWriter short_types = testing::vocab_head("gpt2");
  short_types.meta("tokenizer.ggml.pre", "gpt-2");
  short_types.array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"});
  short_types.array("tokenizer.ggml.token_type", std::vector<int32_t>{1});
  EXPECT_EQ(code(short_types), ErrorCode::corrupt);
}

// Other engines only warn about these.
TEST(Tokenizer, MetadataThatConcernsNoTextIsIgnored) {
  GgufWriter writer;
  writer.meta("tokenizer.ggml.model", "gpt2").meta("tokenizer.ggml.pre", "gpt-2");
  std::vector<std::string> tokens = byte_alphabet();
  tokens.emplace_back("ab");
  writer.array("tokenizer.ggml.tokens", tokens);
  writer.array("tokenizer.ggml.merges", std::vector<std::string>{"a b", "alone", "trailing ", ""});
  writer.meta("tokenizer.ggml.eos_token_id", 1U << 30).meta("tokenizer.ggml.add_eos_token", true);
  writer.meta("tokenizer.ggml.add_bos_token", true);
  const std::vector<std::byte> bytes = writer.bytes();
  const auto tokenizer = Tokenizer::load(Gguf::parse(bytes, "m.gguf").value());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->eos(), -1);
  EXPECT_FALSE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->encode("ab"), (std::vector<TokenId>{256}));
}

}  // namespace
}  // namespace exogpu::model
