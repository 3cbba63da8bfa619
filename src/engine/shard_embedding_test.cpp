// Shards that give one vector for each text.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;

ShardOptions embedding_options(uint32_t sequences = 1) {
  ShardOptions o;
  o.kv_type = KvType::f32;
  o.context = 128;
  o.sequences = sequences;
  o.embeddings = true;
  return o;
}

class Embedding : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Families, Embedding, ::testing::Values("bert", "gemma-embedding"), [](const auto& test) {
  std::string name = test.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST_P(Embedding, AnyCutGivesTheSameBits) {
  const TinyFile file(GetParam());
  Chain whole = load_chain(file, {}, embedding_options());
  const auto tokens = tokens_of(40, whole.architecture().n_vocab);
  const std::vector<float> expected = feed(whole, tokens, 1);
  ASSERT_EQ(expected.size(), whole.architecture().embedding_width());
  Chain cut = load_chain(file, {1}, embedding_options());
  EXPECT_EQ(feed(cut, tokens, 1), expected);
}

TEST_P(Embedding, TextsTogetherAgreeWithEachAlone) {
  const TinyFile file(GetParam());
  Chain together = load_chain(file, {}, embedding_options(3));
  Chain alone = load_chain(file, {}, embedding_options());
  const uint32_t width = together.architecture().embedding_width();
  std::vector<SequenceTokens> batch;
  std::vector<model::TokenId> tokens;
  std::vector<std::vector<float>> expected;
  for (uint32_t s = 0; s < 3; ++s) {
    const auto text = tokens_of(s == 1 ? 30 : 12, together.architecture().n_vocab, 7 * s + 1);
    batch.push_back({wire::SeqId(s), 0, static_cast<uint32_t>(text.size()), 1});
    tokens.insert(tokens.end(), text.begin(), text.end());
    ASSERT_TRUE(alone.truncate(wire::SeqId(0), 0));
    expected.push_back(feed(alone, text, 1));
  }
  const auto vectors = together.forward({batch, tokens, {}});
  ASSERT_TRUE(vectors) << vectors.error().message;
  ASSERT_EQ(vectors->size(), 3 * width);
  for (uint32_t s = 0; s < 3; ++s)
    EXPECT_LT(relative_error(vectors->subspan(s * width, width), expected[s]), 1e-5) << s;
}

// Every token's vector depends on the tokens after it.
TEST_P(Embedding, ATextInPiecesIsRefused) {
  const TinyFile file(GetParam());
  Chain chain = load_chain(file, {}, embedding_options());
  const auto tokens = tokens_of(10, chain.architecture().n_vocab);
  feed(chain, tokens, 1);
  const SequenceTokens more{.sequence = wire::SeqId(0), .position = 10, .count = 10, .outputs = 1};
  const auto refused = chain.forward({{&more, 1}, tokens, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(chain.shards().front().length(wire::SeqId(0)), 10U);
}

TEST_P(Embedding, AModelWithoutAHeadWritesNoText) {
  const TinyFile file(GetParam());
  const auto refused = Shard::load(file.gguf(), {0, 1}, cpu(), {.context = 64});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

TEST(EmbeddingOfText, AModelWithoutAPoolingGivesNone) {
  const TinyFile file("llama");
  const auto refused = Shard::load(file.gguf(), {0, 1}, cpu(), embedding_options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace exogpu::engine
