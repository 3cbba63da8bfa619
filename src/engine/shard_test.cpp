// What a shard computes: against recorded answers, against itself cut in pieces, and in other orders of the same work.
#include "engine/shard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <limits>

#include "engine/allocation_count.h"
#include "engine/testing/tiny.h"
#include "model/testing/fixtures.h"

namespace exogpu::engine {
namespace {

using namespace testing;

ShardOptions exact(uint32_t outputs) {
  ShardOptions o;
  o.kv_type = KvType::f32;
  o.outputs = outputs;
  o.context = 512;
  return o;
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const tiny::Family& family : tiny::families())
    if (family.name != "bert" && family.name != "gemma-embedding")
      names.emplace_back(family.name);  // these write no text
  return names;
}

class EveryFamily : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Shard, EveryFamily, ::testing::ValuesIn(family_names()), [](const auto& test) {
  std::string name = test.param;
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

TEST_P(EveryFamily, AnyCutGivesTheSameBits) {
  TinyFile file(GetParam());
  Chain whole = load_chain(file, {}, exact(64));
  uint32_t n_layers = whole.architecture().n_layers;
  auto tokens = tokens_of(64, whole.architecture().n_vocab);
  std::vector<float> expected = feed(whole, tokens, 64);
  std::vector<float> expected_next = feed(whole, std::span(tokens).first(1), 1);
  std::vector<std::vector<uint32_t>> all_cuts;
  std::vector<uint32_t> everywhere;
  for (uint32_t cut = 1; cut < n_layers; ++cut) {
    if (!whole.architecture().can_cut(cut)) continue;
    all_cuts.push_back({cut});
    everywhere.push_back(cut);
  }
  all_cuts.push_back(everywhere);
  for (const auto& cuts : all_cuts) {
    Chain chain = load_chain(file, cuts, exact(64));
    EXPECT_EQ(feed(chain, tokens, 64), expected);
    EXPECT_EQ(feed(chain, std::span(tokens).first(1), 1), expected_next);
  }
}

TEST_P(EveryFamily, ChunksAndSingleTokensAgreeWithOneBatch) {
  TinyFile file(GetParam());
  Chain chain = load_chain(file, {}, exact(40));
  auto tokens = tokens_of(40, chain.architecture().n_vocab);
  std::vector<float> all = feed(chain, tokens, 1);

  ASSERT_TRUE(chain.truncate(wire::SeqId(0), 0));
  feed(chain, std::span(tokens).first(25), 0);
  std::vector<float> in_chunks = feed(chain, std::span(tokens).subspan(25), 1);
  EXPECT_LT(relative_error(in_chunks, all), 1e-4);

  ASSERT_TRUE(chain.truncate(wire::SeqId(0), 0));
  std::vector<float> one_by_one;
  for (model::TokenId token : tokens) one_by_one = feed(chain, {&token, 1}, 1);
  EXPECT_LT(relative_error(one_by_one, all), 1e-4);
}

TEST_P(EveryFamily, FlashAttentionAndSmallCachesStayClose) {
  TinyFile file(GetParam());
  Chain reference = load_chain(file, {}, exact(48));
  auto tokens = tokens_of(48, reference.architecture().n_vocab);
  std::vector<float> expected = feed(reference, tokens, 48);
  // Routing to experts is a choice: near a tie a rounding decides, and the outputs part.
  double slack = reference.architecture().experts.count > 0 ? 20 : 1;
  for (auto [type, bound] : {std::pair{KvType::f32, 2e-3}, {KvType::f16, 2e-3}, {KvType::q8_0, 3e-2}}) {
    ShardOptions options = exact(48);
    options.kv_type = type;
    options.flash_attention = FlashAttention::on;
    Chain chain = load_chain(file, {}, options);
    EXPECT_LT(relative_error(feed(chain, tokens, 48), expected), bound * slack) << to_string(type);
  }
}

TEST(Shard, WritesItsResultIntoTheGivenBuffer) {
  TinyFile file("llama");
  Result<Shard> shard = Shard::load(file.gguf(), {0, 1}, cpu(), exact(8));
  ASSERT_TRUE(shard) << shard.error().message;
  const auto tokens = tokens_of(8, shard->architecture().n_vocab);
  const SequenceTokens all{.sequence = wire::SeqId(0), .position = 0, .count = 8, .outputs = 0};
  const auto own = shard->forward({.sequences = {&all, 1}, .tokens = tokens, .activations = {}});
  ASSERT_TRUE(own) << own.error().message;
  const std::vector<float> expected(own->begin(), own->end());
  ASSERT_TRUE(shard->truncate(wire::SeqId(0), 0));

  const auto memory = shard->host_memory(expected.size() * sizeof(float));
  ASSERT_NE(memory, nullptr);
  const std::span<float> into(reinterpret_cast<float*>(memory.get()), expected.size());
  const auto short_by_one = shard->forward(
      {.sequences = {&all, 1}, .tokens = tokens, .activations = {}, .into = into.first(into.size() - 1)});
  ASSERT_FALSE(short_by_one);
  EXPECT_EQ(short_by_one.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(shard->length(wire::SeqId(0)), 0);

  const auto returned = shard->forward({.sequences = {&all, 1}, .tokens = tokens, .activations = {}, .into = into});
  ASSERT_TRUE(returned) << returned.error().message;
  EXPECT_EQ(returned->data(), into.data());
  EXPECT_TRUE(std::ranges::equal(*returned, expected));
}

TEST(Shard, AgreesWithTheRecordedLogitsOfAnotherEngine) {
  auto fixtures = model::testing::fixtures_dir();
  if (!fixtures) GTEST_SKIP() << "the recorded logits are not on this machine (set EXOGPU_FIXTURES)";
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*fixtures / "logits")) {
    if (entry.path().extension() != ".gguf") continue;
    auto file = model::Gguf::open(entry.path());
    ASSERT_TRUE(file) << file.error().message;
    auto chain = Chain::load(*file, {}, cpu(), exact(96));
    ASSERT_TRUE(chain) << chain.error().message;
    std::vector<float> logits = feed(*chain, tokens_of(96, chain->architecture().n_vocab), 96);
    std::vector<float> expected(logits.size());
    std::ifstream in(std::filesystem::path(entry.path()).replace_extension(".logits.f32"), std::ios::binary);
    in.read(reinterpret_cast<char*>(expected.data()), static_cast<std::streamsize>(expected.size() * sizeof(float)));
    ASSERT_TRUE(in) << entry.path();
    EXPECT_LT(relative_error(logits, expected), 1e-3) << entry.path();
    ++compared;
  }
  EXPECT_GE(compared, 12);
}

TEST(Shard, SequencesTogetherAgreeWithEachAlone) {
  TinyFile file("qwen3");
  ShardOptions options = exact(4);
  options.sequences = 4;
  Chain chain = load_chain(file, {}, options);
  uint32_t n_vocab = chain.architecture().n_vocab;

  std::vector<std::vector<model::TokenId>> prompts;
  std::vector<std::vector<float>> alone;
  for (uint32_t s = 0; s < 4; ++s) {
    prompts.push_back(tokens_of(5 + 3 * s, n_vocab, 17 * s + 1));
    Chain single = load_chain(file, {}, exact(1));
    alone.push_back(feed(single, prompts[s], 1));
  }
  // Prompts of different lengths in one batch, out of order: groups of one slot each.
  std::vector<SequenceTokens> sequences;
  std::vector<model::TokenId> tokens;
  for (uint32_t s : {2U, 0U, 3U, 1U}) {
    sequences.push_back({wire::SeqId(s), 0, static_cast<uint32_t>(prompts[s].size()), 1});
    tokens.insert(tokens.end(), prompts[s].begin(), prompts[s].end());
  }
  auto logits = chain.forward({sequences, tokens, {}});
  ASSERT_TRUE(logits) << logits.error().message;
  for (uint32_t i = 0; i < 4; ++i)
    EXPECT_LT(relative_error(logits->subspan(i * n_vocab, n_vocab), alone[sequences[i].sequence.value()]), 1e-4);

  // One more token each: neighbouring slots with one token each are one group.
  sequences.clear();
  tokens.clear();
  for (uint32_t s = 0; s < 4; ++s) {
    sequences.push_back({wire::SeqId(s), static_cast<uint32_t>(prompts[s].size()), 1, 1});
    tokens.push_back(static_cast<model::TokenId>(s + 7));
    Chain single = load_chain(file, {}, exact(1));
    feed(single, prompts[s], 0);
    alone[s] = feed(single, {&tokens.back(), 1}, 1);
  }
  logits = chain.forward({sequences, tokens, {}});
  ASSERT_TRUE(logits) << logits.error().message;
  for (uint32_t s = 0; s < 4; ++s) EXPECT_LT(relative_error(logits->subspan(s * n_vocab, n_vocab), alone[s]), 1e-4);
}

TEST(Shard, TruncateAndCopiedPrefixesContinueAsIfNothingHadBeenThere) {
  TinyFile file("llama");
  ShardOptions options = exact(2);
  options.sequences = 2;
  Chain chain = load_chain(file, {1}, options);
  auto tokens = tokens_of(30, chain.architecture().n_vocab);
  feed(chain, std::span(tokens).first(20), 0);
  std::vector<float> expected = feed(chain, std::span(tokens).subspan(20), 1);

  ASSERT_TRUE(chain.truncate(wire::SeqId(0), 20));
  EXPECT_EQ(chain.shards().front().length(wire::SeqId(0)), 20U);
  EXPECT_EQ(feed(chain, std::span(tokens).subspan(20), 1), expected);

  ASSERT_TRUE(chain.copy_prefix(wire::SeqId(0), wire::SeqId(1), 20));
  EXPECT_EQ(feed(chain, std::span(tokens).subspan(20), 1, 1), expected);
}

// Gemma 2 has the most operations of all layers, and two kinds of mask.
TEST(Shard, ManySequencesThatCannotBeGroupedAgreeWithEachAlone) {
  constexpr uint32_t n = 32;
  TinyFile file("gemma2");
  ShardOptions options = exact(n);
  options.sequences = n;
  Chain chain = load_chain(file, {}, options);
  Chain single = load_chain(file, {}, exact(1));
  uint32_t n_vocab = chain.architecture().n_vocab;
  std::vector<SequenceTokens> sequences;
  std::vector<model::TokenId> tokens;
  std::vector<std::vector<float>> alone;
  for (uint32_t s = 0; s < n; ++s) {
    auto prompt = tokens_of(s % 2 == 0 ? 3 : 5, n_vocab, s + 1);
    sequences.push_back({wire::SeqId(s), 0, static_cast<uint32_t>(prompt.size()), 1});
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    ASSERT_TRUE(single.truncate(wire::SeqId(0), 0));
    alone.push_back(feed(single, prompt, 1));
  }
  auto logits = chain.forward({sequences, tokens, {}});
  ASSERT_TRUE(logits) << logits.error().message;
  for (uint32_t s = 0; s < n; ++s) EXPECT_LT(relative_error(logits->subspan(s * n_vocab, n_vocab), alone[s]), 1e-4);
}

TEST(Shard, ActivationsThatAreNotFiniteAreRefused) {
  TinyFile file("llama");
  auto shard = Shard::load(file.gguf(), {1, 2}, cpu(), exact(1));
  ASSERT_TRUE(shard) << shard.error().message;
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> activations(shard->architecture().d_model, 1.0F);
    activations[7] = bad;
    SequenceTokens next = {wire::SeqId(0), 0, 1, 1};
    auto result = shard->forward({{&next, 1}, {}, activations});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(shard->length(wire::SeqId(0)), 0U);
  }
}

// What a damaged weight leaves in the cache must not reach the next user of the same rows.
TEST(Shard, ValuesThatAreNotFiniteLeaveNoTrace) {
  constexpr model::TokenId damaged = 5;
  TinyFile tiny("llama");
  const model::TensorInfo* embedding = tiny.gguf().find_tensor("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  Bytes row = embedding->bytes / embedding->dims[1];
  {
    std::fstream bytes(tiny.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(embedding->offset + damaged * row));
    for (Bytes i = 0; i < row; ++i) bytes.put('\xFF');  // NaN in every float type
  }
  auto file = model::Gguf::open(tiny.path());
  ASSERT_TRUE(file) << file.error().message;
  std::vector<model::TokenId> sound = {1, 2, 3};
  std::vector<model::TokenId> poisoned = {3, damaged};
  for (uint32_t outputs : {1U, 0U}) {
    auto chain = Chain::load(*file, {}, cpu(), exact(1));
    ASSERT_TRUE(chain) << chain.error().message;
    std::vector<float> expected = feed(*chain, sound, 1);
    ASSERT_TRUE(chain->truncate(wire::SeqId(0), 2));

    SequenceTokens next = {wire::SeqId(0), 2, 2, outputs};
    auto result = chain->forward({{&next, 1}, poisoned, {}});
    EXPECT_EQ(result.has_value(), outputs == 0);  // without logits there is nothing to see yet
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::corrupt);
      EXPECT_EQ(chain->shards().front().length(wire::SeqId(0)), 2U);
    }
    // The row of the damaged token is beyond what is read from here on.
    ASSERT_TRUE(chain->truncate(wire::SeqId(0), 0));
    EXPECT_EQ(feed(*chain, sound, 1), expected);
  }
}

TEST(Shard, BadBatchesAreRefusedAndMoveNothing) {
  TinyFile file("llama");
  ShardOptions options = exact(1);
  options.batch_tokens = 16;
  options.context = 40;
  Chain chain = load_chain(file, {1}, options);
  auto tokens = tokens_of(64, chain.architecture().n_vocab);
  feed(chain, std::span(tokens).first(8), 0);

  auto refused = [&](SequenceTokens next, size_t n_tokens, ErrorCode code) {
    auto result = chain.forward({{&next, 1}, std::span(tokens).first(n_tokens), {}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().message;
    for (const ShardGroup& shard : chain.shards()) EXPECT_EQ(shard.length(wire::SeqId(0)), 8U);
  };
  refused({wire::SeqId(0), 7, 1, 0}, 1, ErrorCode::invalid_argument);    // not where the sequence ends
  refused({wire::SeqId(1), 0, 1, 0}, 1, ErrorCode::invalid_argument);    // no such sequence
  refused({wire::SeqId(0), 8, 0, 0}, 0, ErrorCode::invalid_argument);    // no tokens
  refused({wire::SeqId(0), 8, 2, 3}, 2, ErrorCode::invalid_argument);    // more outputs than tokens
  refused({wire::SeqId(0), 8, 17, 0}, 17, ErrorCode::invalid_argument);  // more than a batch
  refused({wire::SeqId(0), 8, 33, 0}, 33, ErrorCode::resource_exhausted);
  refused({wire::SeqId(0), 8, 4, 0}, 3, ErrorCode::invalid_argument);  // announces more than it brings
  tokens[0] = static_cast<model::TokenId>(chain.architecture().n_vocab);
  refused({wire::SeqId(0), 8, 1, 0}, 1, ErrorCode::invalid_argument);  // outside the vocabulary
  tokens[0] = -1;
  refused({wire::SeqId(0), 8, 1, 0}, 1, ErrorCode::invalid_argument);

  SequenceTokens next = {wire::SeqId(0), 8, 1, 1};
  tokens[0] = 1;
  EXPECT_TRUE(chain.forward({{&next, 1}, std::span(tokens).first(1), {}}));
}

TEST(Shard, GraphsAreUsedAgainWhileBatchesKeepTheirShape) {
  TinyFile file("qwen3");
  Chain chain = load_chain(file, {}, exact(1));
  auto tokens = tokens_of(200, chain.architecture().n_vocab);
  feed(chain, std::span(tokens).first(32), 1);
  feed(chain, std::span(tokens).first(1), 1);
  uint64_t built = chain.shards().front().graphs_built();
  for (uint32_t i = 0; i < 200; ++i) feed(chain, {&tokens[i], 1}, 1);
  EXPECT_EQ(chain.shards().front().graphs_built(), built);
  ASSERT_TRUE(chain.truncate(wire::SeqId(0), 0));
  feed(chain, std::span(tokens).first(32), 1);
  EXPECT_EQ(chain.shards().front().graphs_built(), built);
}

TEST(Shard, ATokenAllocatesNothing) {
  TinyFile file("gemma3");
  Chain chain = load_chain(file, {3}, exact(1));
  auto tokens = tokens_of(100, chain.architecture().n_vocab);
  feed(chain, std::span(tokens).first(20), 1);
  feed(chain, std::span(tokens).first(1), 1);
  uint64_t before = allocation_count();
  for (uint32_t i = 0; i < 100; ++i) {
    SequenceTokens next = {wire::SeqId(0), 21 + i, 1, 1};
    ASSERT_TRUE(chain.forward({{&next, 1}, {&tokens[i], 1}, {}}));
  }
  EXPECT_EQ(allocation_count(), before);
}

}  // namespace
}  // namespace exogpu::engine
