// A shard whose sequences share a pool of rows computes the same bits as one in which each has rows of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>
#include <random>

#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;
using wire::kRegionStep;
using wire::SeqId;

constexpr uint32_t kSequences = 3;
constexpr uint32_t kPoolSteps = 5;  // fewer than as many sequences of a whole context would have

ShardOptions fixed_options() {
  ShardOptions o;
  o.kv_type = KvType::f32;
  o.sequences = kSequences;
  o.context = 3 * kRegionStep;
  o.batch_tokens = 128;
  return o;
}

ShardOptions pool_options() {
  ShardOptions o = fixed_options();
  o.pool_tokens = kPoolSteps * kRegionStep;
  return o;
}

// The same sequences in both, whose lengths are `lengths`.
class Twins {
 public:
  Twins(const TinyFile& file, const std::vector<uint32_t>& cuts, uint32_t seed)
      : fixed_(load_chain(file, cuts, fixed_options())),
        pooled_(load_chain(file, cuts, pool_options())),
        random_(seed),
        regions_(kSequences),
        lengths_(kSequences) {}

  uint32_t any(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  // Regions in any order and of any size that the sequences' lengths, and `more` tokens of one of them, allow. False:
  // there is no room.
  bool place_anywhere(uint32_t grows, uint32_t more) {
    std::vector<uint32_t> steps;
    for (uint32_t i = 0; i < kSequences; ++i)
      steps.push_back(wire::whole_region_steps(lengths_[i] + (i == grows ? more : 0)) / kRegionStep);
    const uint32_t used = std::accumulate(steps.begin(), steps.end(), 0U);
    if (used > kPoolSteps) return false;
    uint32_t spare = kPoolSteps - used;
    std::vector<uint32_t> order(kSequences);
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::shuffle(order, random_);
    uint32_t at = 0;
    std::vector<Placement> placements;
    for (const uint32_t i : order) {
      const uint32_t gap = any(spare + 1);
      spare -= gap;
      const uint32_t extra = any(spare + 1);
      spare -= extra;
      regions_[i] = {.begin = (at + gap) * kRegionStep, .rows = (steps[i] + extra) * kRegionStep};
      at += gap + steps[i] + extra;
      placements.push_back({SeqId(i), regions_[i]});
    }
    const auto placed = pooled_.place(placements);
    EXPECT_TRUE(placed) << placed.error().message;
    return true;
  }

  void grow(uint32_t sequence) {
    const uint32_t room = std::min(fixed_options().context - lengths_[sequence], fixed_options().batch_tokens);
    if (room == 0) return;
    const uint32_t count = any(3) == 0 ? 1 : 1 + any(room);
    if (lengths_[sequence] + count > regions_[sequence].rows && !place_anywhere(sequence, count)) return;
    const auto tokens = tokens_of(count, fixed_.architecture().n_vocab, any(1000));
    EXPECT_EQ(feed(pooled_, tokens, 1, sequence), feed(fixed_, tokens, 1, sequence));
    lengths_[sequence] += count;
  }
  void truncate(uint32_t sequence) {
    lengths_[sequence] = any(lengths_[sequence] + 1);
    for (Chain* chain : {&fixed_, &pooled_}) EXPECT_TRUE(chain->truncate(SeqId(sequence), lengths_[sequence]));
  }
  void copy(uint32_t from, uint32_t to) {
    const uint32_t length = any(std::min(lengths_[from], regions_[to].rows) + 1);
    for (Chain* chain : {&fixed_, &pooled_}) EXPECT_TRUE(chain->copy_prefix(SeqId(from), SeqId(to), length));
    lengths_[to] = length;
  }

 private:
  Chain fixed_, pooled_;
  std::minstd_rand random_;
  std::vector<wire::Region> regions_;
  std::vector<uint32_t> lengths_;
};

class Pool : public ::testing::TestWithParam<std::string> {};
// Grouped attention, sliding windows, compressed rows, and recurrent layers.
INSTANTIATE_TEST_SUITE_P(Families, Pool, ::testing::Values("llama", "gemma3", "deepseek2", "qwen35"),
                         [](const auto& test) { return test.param; });

TEST_P(Pool, WhateverMovesTheBitsAreThoseOfFixedSlots) {
  const TinyFile file(GetParam());
  for (const std::vector<uint32_t>& cuts : {std::vector<uint32_t>{}, {1}}) {
    for (uint32_t seed = 1; seed <= 3; ++seed) {
      Twins twins(file, cuts, seed);
      for (int i = 0; i < 25 && !::testing::Test::HasFailure(); ++i) {
        switch (twins.any(6)) {
          case 0: twins.truncate(twins.any(kSequences)); break;
          case 1: twins.copy(twins.any(kSequences), twins.any(kSequences)); break;
          case 2: twins.place_anywhere(0, 0); break;
          default: twins.grow(twins.any(kSequences));
        }
      }
    }
  }
}

TEST(ShardPool, RegionsAreCheckedBeforeAnythingMoves) {
  const TinyFile file("llama");
  Chain shard = load_chain(file, {}, pool_options());
  const auto length = [&](uint32_t sequence) { return shard.shards().front().length(SeqId(sequence)); };
  const auto tokens = tokens_of(20, shard.architecture().n_vocab);
  const SequenceTokens next{.sequence = SeqId(0), .position = 0, .count = 20, .outputs = 1};
  const auto early = shard.forward({.sequences = {&next, 1}, .tokens = tokens, .activations = {}});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().message, "sequence 0 would hold 20 tokens, and has 0 rows of the KV cache");

  ASSERT_TRUE(shard.place(std::vector<Placement>{{SeqId(0), {256, 256}}, {SeqId(1), {512, 256}}}));
  const std::vector<float> expected = feed(shard, tokens, 1);
  for (const wire::Region bad : {wire::Region{512, 256}, {128, 256}, {1024, 512}, {UINT32_MAX - 255, 256}, {0, 100}}) {
    const auto placed = shard.place(std::vector<Placement>{{SeqId(0), bad}});
    ASSERT_FALSE(placed) << bad.begin;
    EXPECT_EQ(placed.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(length(0), 20U);
  }
  EXPECT_FALSE(shard.place(std::vector<Placement>{{SeqId(kSequences), {}}}));
  EXPECT_FALSE(shard.copy_prefix(SeqId(0), SeqId(2), 20)) << "there are no rows";
  // Each takes the other's place.
  ASSERT_TRUE(shard.place(std::vector<Placement>{{SeqId(0), {512, 256}}, {SeqId(1), {256, 256}}}));
  EXPECT_EQ(length(0), 20U);
  ASSERT_TRUE(shard.truncate(SeqId(0), 19));
  EXPECT_LT(relative_error(feed(shard, std::span(tokens).last(1), 1), expected), 1e-5);
  ASSERT_TRUE(shard.place(std::vector<Placement>{{SeqId(0), {}}}));
  EXPECT_EQ(length(0), 0U);

  Chain fixed = load_chain(file, {}, fixed_options());
  EXPECT_FALSE(fixed.place(std::vector<Placement>{{SeqId(0), {0, 256}}}));
}

// Of a cache in the host's memory: rows that no token has.
TEST(ShardPool, MemoryThatIsGivenBackChangesNoBit) {
  const TinyFile file("llama");
  Chain shard = load_chain(file, {}, pool_options());
  const auto tokens = tokens_of(40, shard.architecture().n_vocab);
  ASSERT_TRUE(shard.place(std::vector<Placement>{{SeqId(0), {0, 256}}, {SeqId(1), {512, 256}}}));
  const std::vector<float> first = feed(shard, tokens, 1), second = feed(shard, tokens, 1, 1);
  const Bytes rest = shard.shards().front().first().release_rows();
  EXPECT_GT(rest, 0U);
  EXPECT_EQ(feed(shard, tokens_of(1, 100), 1), feed(shard, tokens_of(1, 100), 1, 1)) << "resident tokens are kept";
  ASSERT_TRUE(shard.truncate(SeqId(0), 0));
  ASSERT_TRUE(shard.truncate(SeqId(1), 0));
  EXPECT_GE(shard.shards().front().first().release_rows(), rest);
  EXPECT_EQ(feed(shard, tokens, 1), first);
  EXPECT_EQ(feed(shard, tokens, 1, 1), second);
}

// What is not finite stays with the sequence that brought it.
TEST(ShardPool, RowsThatAnotherSequenceSpoiltAreCleanForTheNext) {
  const TinyFile file("llama");
  std::vector<ShardGroup> shards = load_chain(file, {1}, pool_options()).release();
  ShardGroup& second = shards.back();
  const uint32_t width = second.architecture().activation_width();
  const auto run = [&](uint32_t sequence, float value) {
    const std::vector<float> rows(size_t{2} * width, value);
    const SequenceTokens next{
        .sequence = SeqId(sequence), .position = second.length(SeqId(sequence)), .count = 2, .outputs = 1};
    auto out = second.forward({.sequences = {&next, 1}, .tokens = {}, .activations = rows});
    return out ? std::vector<float>(out->begin(), out->end()) : std::vector<float>();
  };
  ASSERT_TRUE(second.place(std::vector<Placement>{{SeqId(0), {0, 256}}, {SeqId(1), {256, 256}}}));
  const std::vector<float> expected = run(1, 0.5F);
  ASSERT_FALSE(expected.empty());
  run(0, std::numeric_limits<float>::max());  // overflows
  ASSERT_TRUE(second.place(std::vector<Placement>{{SeqId(0), {512, 256}}, {SeqId(1), {}}}));
  ASSERT_TRUE(second.place(std::vector<Placement>{{SeqId(2), {0, 256}}}));
  EXPECT_EQ(run(2, 0.5F), expected);
}

}  // namespace
}  // namespace exogpu::engine
