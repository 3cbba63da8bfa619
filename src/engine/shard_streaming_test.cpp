// Shards of which layers stream: the same bits as with all layers in memory.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/expect.h"
#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;
using exogpu::testing::expect_error;

constexpr uint32_t kLayers = 12;

ShardOptions streaming_options(Bytes budget) {
  ShardOptions o;
  o.sequences = 2;
  o.outputs = 8;
  o.weight_budget = budget;
  return o;
}

const Shard& shard_of(const Chain& chain) { return chain.shards().front().first(); }

// Logits of two prompts at once, then of steps of both and of one, and after a truncation.
std::vector<float> walk(Chain& chain) {
  const uint32_t vocabulary = chain.architecture().n_vocab;
  const auto tokens = tokens_of(90, vocabulary);
  std::vector<float> all;
  const auto step = [&](std::initializer_list<SequenceTokens> sequences) {
    uint32_t count = 0;
    for (const SequenceTokens& s : sequences) count += s.count;
    const std::vector<SequenceTokens> batch = sequences;
    const auto logits = chain.forward({batch, std::span(tokens).first(count), {}});
    ASSERT_TRUE(logits) << logits.error().message;
    all.insert(all.end(), logits->begin(), logits->end());
  };
  const wire::SeqId a(0);
  const wire::SeqId b(1);
  step({{a, 0, 50, 2}, {b, 0, 33, 1}});
  for (uint32_t i = 0; i < 3; ++i) step({{a, 50 + i, 1, 1}, {b, 33 + i, 1, 1}});
  step({{b, 36, 1, 1}});
  EXPECT_TRUE(chain.truncate(a, 20));
  step({{a, 20, 5, 1}});
  return all;
}

// The CPU gives the same bits however a graph is cut. Others fuse operations where it is not.
void expect_same(std::span<const float> values, std::span<const float> expected) {
  if (std::getenv("EXOGPU_TEST_BACKEND") != nullptr)
    EXPECT_LT(relative_error(values, expected), 2e-2);
  else
    EXPECT_TRUE(std::ranges::equal(values, expected)) << relative_error(values, expected);
}

struct Streamed {
  const char* family;
  tiny::MatrixType matrices;
};

class StreamingFamily : public ::testing::TestWithParam<Streamed> {};
INSTANTIATE_TEST_SUITE_P(
    Families, StreamingFamily,
    ::testing::Values(Streamed{"llama", tiny::MatrixType::f32}, Streamed{"qwen3", tiny::MatrixType::q8_0},
                      Streamed{"gemma3", tiny::MatrixType::q4_0}, Streamed{"qwen3moe", tiny::MatrixType::q8_0},
                      Streamed{"gpt-oss", tiny::MatrixType::mxfp4}, Streamed{"deepseek2", tiny::MatrixType::f16},
                      Streamed{"gemma3n", tiny::MatrixType::f16}, Streamed{"qwen3next", tiny::MatrixType::q8_0},
                      Streamed{"falcon-h1", tiny::MatrixType::f16}, Streamed{"lfm2", tiny::MatrixType::q8_0}),
    [](const auto& test) {
      std::string name = test.param.family;
      std::ranges::replace(name, '-', '_');
      return name;
    });

TEST_P(StreamingFamily, HasTheBitsOfAShardWithAllLayersInMemory) {
  const TinyFile file(GetParam().family, 1, {.matrices = GetParam().matrices, .layers = kLayers});
  Chain whole = load_chain(file, {}, streaming_options(0));
  const std::vector<float> expected = walk(whole);
  const Bytes all = shard_of(whole).memory().weights;
  uint32_t streamed_before = 0;
  for (const Bytes part : {2U, 4U}) {
    Chain chain = load_chain(file, {}, streaming_options(all / part));
    const MemoryNeed& need = shard_of(chain).memory();
    EXPECT_LE(need.weights, all / part);
    EXPECT_GT(need.layers_streamed, streamed_before);
    streamed_before = need.layers_streamed;
    expect_same(walk(chain), expected);
    EXPECT_GT(shard_of(chain).stream_use().layers, 0U);
  }
}

TEST(ShardStreaming, CutsAndGroupsStreamToo) {
  const TinyFile file("llama", 1, {.matrices = tiny::MatrixType::q8_0, .layers = kLayers});
  const GroupDevices group{.devices = {&cpu(), &cpu()}, .shares = {}};
  for (const std::vector<uint32_t>& cuts : {std::vector<uint32_t>{5}, {}}) {
    const GroupDevices devices = cuts.empty() ? group : GroupDevices{.devices = {&cpu()}, .shares = {}};
    auto whole = Chain::load(file.gguf(), cuts, devices, streaming_options(0));
    ASSERT_TRUE(whole) << whole.error().message;
    Bytes all = 0;
    for (const ShardGroup& shard : whole->shards()) all += shard.first().memory().weights;
    const Bytes budget = cuts.empty() ? all : all / 2;  // a member's weights are half of the group's
    auto chain = Chain::load(file.gguf(), cuts, devices, streaming_options(budget));
    ASSERT_TRUE(chain) << chain.error().message;
    for (const ShardGroup& shard : chain->shards()) EXPECT_GT(shard.first().memory().layers_streamed, 0U);
    expect_same(walk(*chain), walk(*whole));
  }
}

TEST(ShardStreaming, ABudgetForAllStreamsNothing) {
  const TinyFile file("qwen3");
  const Chain whole = load_chain(file);
  const Chain chain = load_chain(file, {}, streaming_options(shard_of(whole).memory().weights));
  EXPECT_EQ(shard_of(chain).memory().layers_streamed, 0U);
}

TEST(ShardStreaming, ATooSmallBudgetIsRefusedWithTheLeast) {
  const TinyFile file("qwen3");
  ShardOptions options = streaming_options(1000);
  options.context = 64;
  expect_error(Shard::load(file.gguf(), {0, 2}, cpu(), options), ErrorCode::out_of_memory,
               file.path().string() + ": weights need at least ");
}

TEST(ShardStreaming, AFileCutShortEndsTheStepAndNotTheShard) {
  const TinyFile file("llama", 1, {.layers = kLayers});
  const Bytes all = shard_of(load_chain(file)).memory().weights;
  Chain chain = load_chain(file, {}, streaming_options(all / 2));
  const auto tokens = tokens_of(20, chain.architecture().n_vocab);
  feed(chain, tokens, 1);
  std::filesystem::resize_file(file.path(), 1000);
  for (int i = 0; i < 2; ++i) {
    const SequenceTokens next = {wire::SeqId(0), 20, 1, 1};
    expect_error(chain.forward({{&next, 1}, std::span(tokens).first(1), {}}), ErrorCode::unavailable,
                 file.path().string() + ": had ");
    EXPECT_EQ(chain.shards().front().length(wire::SeqId(0)), 20U);
  }
}

TEST(ShardStreaming, AFileThatHasLostItsNameStreamsOn) {
  const TinyFile file("llama", 1, {.layers = kLayers});
  Chain whole = load_chain(file, {}, streaming_options(0));
  Chain chain = load_chain(file, {}, streaming_options(shard_of(whole).memory().weights / 2));
  std::filesystem::remove(file.path());
  expect_same(walk(chain), walk(whole));
}

}  // namespace
}  // namespace exogpu::engine
