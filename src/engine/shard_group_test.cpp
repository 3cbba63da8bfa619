// A group of shards against one: the same logits but for the order of sums, and the same bits each time.
#include "engine/shard_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <format>

#include "engine/testing/tiny.h"
#include "gpu/testing/device.h"

namespace exogpu::engine {
namespace {

using namespace testing;

ShardOptions group_options(uint32_t outputs = 32) {
  ShardOptions o;
  o.kv_type = KvType::f32;
  o.outputs = outputs;
  o.context = 512;
  o.sequences = 2;
  o.threads = 1;
  return o;
}

Chain load_group(const TinyFile& file, const GroupDevices& group, std::vector<uint32_t> cuts = {},
                 const ShardOptions& options = group_options()) {
  auto chain = Chain::load(file.gguf(), cuts, group, options);
  if (!chain) throw std::runtime_error(chain.error().message);
  return *std::move(chain);
}

GroupDevices members(size_t count, std::vector<double> shares = {}) {
  return {.devices = std::vector<const gpu::Device*>(count, &cpu()), .shares = std::move(shares)};
}

class GroupOfFamily : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, GroupOfFamily,
                         ::testing::Values("llama", "llama3", "mixtral", "qwen2", "qwen3", "qwen3moe", "gemma2",
                                           "gemma3", "phi3", "gpt-oss", "cohere2", "granite"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(GroupOfFamily, HasTheLogitsOfOneDevice) {
  const TinyFile file(GetParam());
  Chain whole = load_chain(file, {}, group_options());
  Chain group = load_group(file, members(2));
  const auto tokens = tokens_of(40, whole.architecture().n_vocab);
  EXPECT_LT(relative_error(feed(group, tokens, 32), feed(whole, tokens, 32)), 1e-3) << "a prompt";
  EXPECT_LT(relative_error(feed(group, std::span(tokens).first(1), 1), feed(whole, std::span(tokens).first(1), 1)),
            1e-3)
      << "a token";
}

TEST(ShardGroup, QuantisedWeightsAndUnevenSharesAgree) {
  const TinyFile file("llama-mha", 3, {.matrices = tiny::MatrixType::q8_0, .layers = 3, .embedding_length = {}});
  Chain whole = load_chain(file, {}, group_options());
  const auto tokens = tokens_of(40, whole.architecture().n_vocab);
  const auto expected = feed(whole, tokens, 32);
  for (const auto& shares : {std::vector{1.0, 1.0, 1.0}, {5.0, 1.0}, {1.0, 2.0, 1.0, 4.0}}) {
    Chain group = load_group(file, members(shares.size(), shares), {1});
    EXPECT_LT(relative_error(feed(group, tokens, 32), expected), 1e-2) << shares.size() << " members";
  }
}

// More members than heads of keys and values, which two of them then share.
TEST(ShardGroup, MembersMayShareKeysAndValues) {
  const TinyFile file("qwen3");
  Chain whole = load_chain(file, {}, group_options());
  Chain group = load_group(file, members(4));
  const auto tokens = tokens_of(40, whole.architecture().n_vocab);
  EXPECT_LT(relative_error(feed(group, tokens, 32), feed(whole, tokens, 32)), 1e-3);
}

TEST(ShardGroup, AGroupGivesTheSameBitsEachTime) {
  const TinyFile file("llama3", 5, {.matrices = tiny::MatrixType::q8_0, .layers = {}, .embedding_length = {}});
  const auto run = [&] {
    Chain group = load_group(file, members(3, {2, 1, 1}));
    const auto tokens = tokens_of(50, group.architecture().n_vocab);
    auto all = feed(group, std::span(tokens).first(40), 32);
    for (const auto token : std::span(tokens).subspan(40)) {
      const auto next = feed(group, {&token, 1}, 1);
      all.insert(all.end(), next.begin(), next.end());
    }
    return all;
  };
  const auto first = run();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run(), first);
}

TEST(ShardGroup, SequencesAreTruncatedAndCopiedInAllMembers) {
  const TinyFile file("qwen3");
  Chain group = load_group(file, members(2));
  const auto tokens = tokens_of(30, group.architecture().n_vocab);
  const auto expected = feed(group, tokens, 1);
  ASSERT_TRUE(group.truncate(wire::SeqId(0), 20));
  EXPECT_LT(relative_error(feed(group, std::span(tokens).subspan(20), 1), expected), 1e-4);
  ASSERT_TRUE(group.copy_prefix(wire::SeqId(0), wire::SeqId(1), 20));
  EXPECT_EQ(group.shards().front().length(wire::SeqId(1)), 20U);
}

TEST(ShardGroup, EachMemberHasAPartOfTheWeightsAndOfTheCache) {
  const TinyFile file("llama-mha");
  Chain whole = load_chain(file, {}, group_options());
  Chain group = load_group(file, members(2));
  const MemoryNeed all = whole.shards().front().first().memory();
  const MemoryNeed own = group.shards().front().first().memory();
  EXPECT_EQ(own.cache * 2, all.cache);
  EXPECT_LT(own.weights, all.weights * 6 / 10);
}

TEST(ShardGroup, AStepThatFailsMovesNoSequenceInAnyMember) {
  const TinyFile file("llama");
  Chain group = load_group(file, members(2));
  const auto tokens = tokens_of(20, group.architecture().n_vocab);
  const auto expected = feed(group, tokens, 1);
  const SequenceTokens wrong{.sequence = wire::SeqId(0), .position = 3, .count = 1, .outputs = 1};
  const auto refused =
      group.forward({.sequences = {&wrong, 1}, .tokens = std::span(tokens).first(1), .activations = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument) << refused.error().message;
  ASSERT_TRUE(group.truncate(wire::SeqId(0), 0));
  EXPECT_EQ(feed(group, tokens, 1), expected);
}

TEST(ShardGroup, RefusesWhatCannotBeDivided) {
  const TinyFile file("qwen3next");
  const auto refused = Chain::load(file.gguf(), {}, members(2), group_options());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("gated delta nets")) << refused.error().message;
  const TinyFile small("llama");
  const auto shares = Chain::load(small.gguf(), {}, members(2, {1.0}), group_options());
  ASSERT_FALSE(shares);
  EXPECT_EQ(shares.error().code, ErrorCode::invalid_argument);
}

// The relative error of a group of the CPU and a software renderer, in words if it is too large.
std::string group_of_cpu_and_vulkan() {
  const auto machine = gpu::Machine::discover({.backend = {}, .software = true});
  if (!machine) return machine.error().message;
  const gpu::Device& processor = machine->devices().back();
  const auto found =
      std::ranges::find_if(machine->devices(), [](const gpu::Device& d) { return d.info().backend == "Vulkan"; });
  if (found == machine->devices().end()) return "";  // not even a software renderer on this machine
  const TinyFile file("qwen3");  // with quantised weights the CPU rounds activations to 8 bits, and others do not
  auto whole = Chain::load(file.gguf(), {}, processor, group_options());
  auto group = Chain::load(file.gguf(), {}, GroupDevices{{&processor, &*found}, {}}, group_options());
  if (!whole || !group) return (whole ? group : whole).error().message;
  const auto tokens = tokens_of(40, whole->architecture().n_vocab);
  const double error = relative_error(feed(*group, tokens, 32), feed(*whole, tokens, 32));
  return error <= 1e-2 ? "" : std::format("the logits are off by {}", error);
}

TEST(ShardGroupDeathTest, MembersMayBeDevicesOfOtherMake) { EXPECT_IN_NEW_PROCESS(group_of_cpu_and_vulkan); }

}  // namespace
}  // namespace exogpu::engine
