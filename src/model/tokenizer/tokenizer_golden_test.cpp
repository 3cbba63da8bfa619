// Every pre-tokenizer and WordPiece, on made-up vocabularies, beside llama.cpp's tokens that
// tools/tokenizer_golden/make_golden.py recorded.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/testing/source_dir.h"
#include "model/testing/gguf_writer.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::model {
namespace {

using json = nlohmann::json;
using testing::GgufWriter;

const json& golden() {
  static const json read = [] {
    std::ifstream file(exogpu::testing::source_dir() / "tests/golden/tokenizers.json");
    return json::parse(file);
  }();
  return read;
}

GgufWriter recorded_vocabulary(const char* model, const json& of) {
  GgufWriter writer;
  writer.meta("tokenizer.ggml.model", model);
  writer.array("tokenizer.ggml.tokens", of.at("tokens").get<std::vector<std::string>>());
  writer.array("tokenizer.ggml.token_type", of.at("types").get<std::vector<int32_t>>());
  return writer;
}

Tokenizer made_up(const GgufWriter& writer) {
  const std::vector<std::byte> bytes = writer.bytes();
  const auto file = Gguf::parse(bytes, "vocabulary.gguf");
  if (!file) throw std::runtime_error(file.error().message);
  auto tokenizer = Tokenizer::load(*file);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return *std::move(tokenizer);
}

Tokenizer byte_pairs(const json& of, const std::string& pre) {
  GgufWriter writer = recorded_vocabulary(pre == "gemma4" ? "gemma4" : "gpt2", of);
  writer.meta("tokenizer.ggml.pre", pre);
  writer.array("tokenizer.ggml.merges", of.at("merges").get<std::vector<std::string>>());
  writer.meta("tokenizer.ggml.unknown_token_id", 0U).meta("tokenizer.ggml.bos_token_id", 1U);
  writer.meta("tokenizer.ggml.eos_token_id", 2U);
  return made_up(writer);
}

TEST(TokenizerGolden, EveryPreTokenizerSplitsAsRecorded) {
  const auto text = golden().at("text").get<std::string>();
  size_t names = 0;
  for (const json& group : golden().at("pairs")) {
    const json& of = golden().at(group.at("raw").get<bool>() ? "raw" : "spelled");
    for (const json& name : group.at("names")) {
      ++names;
      const Tokenizer tokenizer = byte_pairs(of, name.get<std::string>());
      EXPECT_EQ(json(tokenizer.encode(text, {.add_special = false})), group.at("ids")) << name;
      EXPECT_EQ(tokenizer.adds_bos(), group.at("adds_bos").get<bool>()) << name;
    }
  }
  EXPECT_GT(names, 90U);
}

TEST(TokenizerGolden, WordsArePiecesAsRecorded) {
  const json& of = golden().at("words");
  const auto texts = of.at("texts").get<std::vector<std::string>>();
  for (const json& how : of.at("cases")) {
    GgufWriter writer = recorded_vocabulary("bert", of);
    writer.meta("tokenizer.ggml.unknown_token_id", 1U).meta("tokenizer.ggml.bos_token_id", 2U);
    writer.meta("tokenizer.ggml.seperator_token_id", 3U);
    for (const char* key : {"lowercase", "strip_accents"})
      if (how.contains(key)) writer.meta(std::string("tokenizer.ggml.normalizer.") + key, how.at(key).get<bool>());
    const Tokenizer tokenizer = made_up(writer);
    for (size_t i = 0; i < texts.size(); ++i)
      EXPECT_EQ(json(tokenizer.encode(texts[i])), how.at("ids").at(i)) << texts[i] << " " << how.dump().substr(0, 60);
  }
}

TEST(TokenizerGolden, WordsAreDecodedWithSpacesBetweenThem) {
  GgufWriter writer = recorded_vocabulary("bert", golden().at("words"));
  writer.meta("tokenizer.ggml.unknown_token_id", 1U).meta("tokenizer.ggml.bos_token_id", 2U);
  writer.meta("tokenizer.ggml.seperator_token_id", 3U);
  const Tokenizer tokenizer = made_up(writer);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("Hello WORLD, it's unaffable")), "hello world , it ' s unaffable");
  EXPECT_EQ(tokenizer.bos(), 2);
  EXPECT_TRUE(tokenizer.adds_bos());
}

TEST(TokenizerGolden, OtherKindsAreRefusedByName) {
  for (const char* model : {"rwkv", "plamo2", "plamo3", "hybriddna"}) {
    const std::vector<std::byte> bytes = recorded_vocabulary(model, golden().at("spelled")).bytes();
    const auto file = Gguf::parse(bytes, "vocabulary.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const auto tokenizer = Tokenizer::load(*file);
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(tokenizer.error().code, ErrorCode::unsupported);
    EXPECT_TRUE(tokenizer.error().message.contains(std::string("\"") + model + "\"")) << tokenizer.error().message;
  }
  EXPECT_EQ(tokenizer::find_pre_tokenizer("of-tomorrow"), nullptr);
}

}  // namespace
}  // namespace exogpu::model
