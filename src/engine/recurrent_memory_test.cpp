// Models with recurrent layers: whatever is forgotten, copied or computed beside it, a sequence continues as if nothing
// had happened.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;

constexpr double kRounding = 1e-4;  // chunks of other sizes are summed in another order

ShardOptions recurrent_options(uint32_t sequences = 1) {
  ShardOptions o;
  o.kv_type = KvType::f32;
  o.sequences = sequences;
  o.context = 256;
  return o;
}

class Recurrent : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Families, Recurrent,
                         ::testing::Values("qwen35", "qwen3next", "lfm2", "nemotron_h", "falcon-h1"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(Recurrent, TruncatedAnywhereItContinuesAsIfItHadNotBeenLonger) {
  constexpr uint32_t n = 24;
  const TinyFile file(GetParam());
  for (const std::vector<uint32_t>& cuts : {std::vector<uint32_t>{}, {1}}) {
    Chain chain = load_chain(file, cuts, recurrent_options());
    const auto tokens = tokens_of(n + 1, chain.architecture().n_vocab);
    std::vector<std::vector<float>> expected;
    for (const model::TokenId& token : tokens) expected.push_back(feed(chain, {&token, 1}, 1));
    for (uint32_t end = 0; end < n; ++end) {
      ASSERT_TRUE(chain.truncate(wire::SeqId(0), 0));
      feed(chain, std::span(tokens).first(n), 0);
      ASSERT_TRUE(chain.truncate(wire::SeqId(0), end));
      EXPECT_LT(relative_error(feed(chain, {&tokens[end], 1}, 1), expected[end]), kRounding) << end;
      EXPECT_LT(relative_error(feed(chain, {&tokens[end + 1], 1}, 1), expected[end + 1]), kRounding) << end;
    }
  }
}

TEST_P(Recurrent, TheEndOfAChunkIsReachedWithTheSameBits) {
  const TinyFile file(GetParam());
  Chain chain = load_chain(file, {1}, recurrent_options());
  const auto tokens = tokens_of(40, chain.architecture().n_vocab);
  feed(chain, std::span(tokens).first(20), 0);
  const std::vector<float> expected = feed(chain, {&tokens[20], 1}, 1);
  for (uint32_t i = 21; i < 40; ++i) feed(chain, {&tokens[i], 1}, 0);
  ASSERT_TRUE(chain.truncate(wire::SeqId(0), 20));
  EXPECT_EQ(feed(chain, {&tokens[20], 1}, 1), expected);
}

TEST_P(Recurrent, ACopiedPrefixContinuesLikeTheOriginal) {
  const TinyFile file(GetParam());
  Chain chain = load_chain(file, {1}, recurrent_options(3));
  const auto tokens = tokens_of(30, chain.architecture().n_vocab);
  feed(chain, std::span(tokens).first(20), 0);
  const std::vector<float> at_end = feed(chain, {&tokens[20], 1}, 1);
  ASSERT_TRUE(chain.copy_prefix(wire::SeqId(0), wire::SeqId(1), 20));
  EXPECT_EQ(feed(chain, {&tokens[20], 1}, 1, 1), at_end) << "a state of this position was kept";

  ASSERT_TRUE(chain.copy_prefix(wire::SeqId(0), wire::SeqId(2), 7));
  feed(chain, std::span(tokens).subspan(7, 13), 0, 2);
  EXPECT_LT(relative_error(feed(chain, {&tokens[20], 1}, 1, 2), at_end), kRounding) << "computed from the beginning";
  EXPECT_EQ(chain.shards().back().length(wire::SeqId(0)), 21U);
}

// Prompts of different lengths together, then one token each, with a sequence that starts from nothing in between.
TEST_P(Recurrent, SequencesTogetherAgreeWithEachAlone) {
  constexpr uint32_t n = 8;
  const TinyFile file(GetParam());
  Chain chain = load_chain(file, {1}, recurrent_options(n));
  Chain single = load_chain(file, {}, recurrent_options());
  const uint32_t n_vocab = chain.architecture().n_vocab;
  std::vector<std::vector<model::TokenId>> prompts;
  for (uint32_t s = 0; s < n; ++s) prompts.push_back(tokens_of(3 + s / 2, n_vocab, 31 * s + 1));
  for (int round = 0; round < 3; ++round) {
    std::vector<SequenceTokens> batch;
    std::vector<model::TokenId> tokens;
    for (uint32_t s = 0; s < n; ++s) {
      const uint32_t length = chain.shards().front().length(wire::SeqId(s));
      const auto rest = std::span(prompts[s]).subspan(length);
      batch.push_back({wire::SeqId(s), length, static_cast<uint32_t>(rest.size()), 1});
      tokens.insert(tokens.end(), rest.begin(), rest.end());
    }
    const auto logits = chain.forward({batch, tokens, {}});
    ASSERT_TRUE(logits) << logits.error().message;
    for (uint32_t s = 0; s < n; ++s) {
      ASSERT_TRUE(single.truncate(wire::SeqId(0), 0));
      EXPECT_LT(relative_error(logits->subspan(s * n_vocab, n_vocab), feed(single, prompts[s], 1)), kRounding) << s;
      prompts[s].push_back(static_cast<model::TokenId>(s + 5));
    }
    ASSERT_TRUE(chain.truncate(wire::SeqId(3), 0));
  }
}

TEST_P(Recurrent, AFailedStepLeavesNoTrace) {
  const TinyFile file(GetParam());
  auto first = Shard::load(file.gguf(), {0, 1}, cpu(), recurrent_options());
  ASSERT_TRUE(first) << first.error().message;
  const auto tokens = tokens_of(12, first->architecture().n_vocab);
  std::vector<float> small(4);
  auto run = [&](uint32_t position, uint32_t count, std::span<float> into) {
    const SequenceTokens next{.sequence = wire::SeqId(0), .position = position, .count = count, .outputs = 0};
    return first->forward({{&next, 1}, std::span(tokens).subspan(position, count), {}, into});
  };
  ASSERT_TRUE(run(0, 8, {}));
  const auto whole = run(8, 4, {});
  ASSERT_TRUE(whole);
  const std::vector<float> expected(whole->begin(), whole->end());
  ASSERT_TRUE(first->truncate(wire::SeqId(0), 8));
  EXPECT_FALSE(run(8, 4, small)) << "the result has no room";
  const auto again = run(8, 4, {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_LT(relative_error(*again, expected), kRounding);
}

TEST_P(Recurrent, TheAccountHasTheStates) {
  const TinyFile file(GetParam());
  const auto one = Shard::measure(file.gguf(), {0, 1}, cpu(), recurrent_options(1));
  const auto four = Shard::measure(file.gguf(), {0, 1}, cpu(), recurrent_options(4));
  ASSERT_TRUE(one && four);
  EXPECT_GT(one->state, 0U);
  EXPECT_NEAR(static_cast<double>(four->state), 4.0 * static_cast<double>(one->state),
              0.01 * static_cast<double>(four->state));
  EXPECT_EQ(one->retained, 256 * sizeof(model::TokenId));
}

}  // namespace
}  // namespace exogpu::engine
