// A group whose members have connections, against one that shares memory: the same bits.
#include "pipeline/remote_members.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"
#include "engine/shard_group.h"
#include "engine/testing/tiny.h"
#include "net/testing/members.h"
#include "pipeline/group_exchange.h"

namespace exogpu::pipeline {
namespace {

using namespace engine::testing;
using engine::ShardGroup;
using exogpu::testing::expect_error;

engine::ShardOptions remote_options() {
  engine::ShardOptions o;
  o.kv_type = engine::KvType::f32;
  o.outputs = 32;
  o.context = 512;
  o.sequences = 2;
  o.threads = 1;
  return o;
}

// The first member, and a thread for each other one as its node has it.
class RemoteGroup {
 public:
  RemoteGroup(const TinyFile& file, uint32_t members, wire::LayerRange layers)
      : meshes_(net::testing::connect_meshes(members)) {
    for (uint32_t rank = 1; rank < members; ++rank)
      threads_.emplace_back([mesh = meshes_[rank], shard = load(file, rank, layers)]() mutable {
        (void)follow(*mesh, shard);  // until the first member is gone, or it is killed
      });
    first_.emplace(load(file, 0, layers), std::make_unique<RemoteMembers>(meshes_[0]));
  }
  ~RemoteGroup() {
    first_.reset();
    meshes_[0].reset();  // the others end with their connection
  }
  RemoteGroup(const RemoteGroup&) = delete;
  RemoteGroup& operator=(const RemoteGroup&) = delete;

  ShardGroup& operator*() { return *first_; }
  ShardGroup* operator->() { return &*first_; }
  // As if the member's node ended.
  void kill(uint32_t rank) { meshes_[rank]->interrupt({ErrorCode::unavailable, "killed"}); }

 private:
  engine::Shard load(const TinyFile& file, uint32_t rank, wire::LayerRange layers) {
    const engine::LoneMember member{.device = &cpu(),
                                    .shares = std::vector(meshes_.size(), 1.0),
                                    .rank = rank,
                                    .exchange = [&](std::span<const engine::MemberCut> cuts) {
                                      return std::make_shared<GroupExchange>(meshes_[rank], wire::Dtype::f32, cuts);
                                    }};
    return engine::load_member(file.gguf(), layers, member, remote_options()).value();
  }

  std::vector<std::shared_ptr<net::Mesh>> meshes_;
  std::optional<ShardGroup> first_;
  std::vector<std::jthread> threads_;
};

engine::GroupDevices in_one_process(uint32_t members) {
  return {.devices = std::vector<const gpu::Device*>(members, &cpu()), .shares = {}};
}

std::vector<float> copy_of(Result<std::span<const float>> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return {result->begin(), result->end()};
}

TEST(RemoteMembers, ComputeWhatMembersOfOneProcessDo) {
  const TinyFile file("qwen3");
  const engine::Architecture a = engine::read_architecture(file.gguf()).value();
  auto local = engine::Chain::load(file.gguf(), {}, in_one_process(3), remote_options()).value();
  RemoteGroup remote(file, 3, {0, a.n_layers});
  const auto tokens = tokens_of(40, a.n_vocab);
  const auto expected = feed(local, tokens, 32);
  const engine::SequenceTokens span{.sequence = wire::SeqId(0), .position = 0, .count = 40, .outputs = 32};
  EXPECT_EQ(copy_of(remote->forward({.sequences = {&span, 1}, .tokens = tokens, .activations = {}})), expected);

  // Sequences are truncated and copied everywhere.
  ASSERT_TRUE(remote->truncate(wire::SeqId(0), 39));
  ASSERT_TRUE(remote->copy_prefix(wire::SeqId(0), wire::SeqId(1), 39));
  ASSERT_TRUE(remote->release_rows());
  ASSERT_TRUE(local.truncate(wire::SeqId(0), 39));
  const engine::SequenceTokens next{.sequence = wire::SeqId(1), .position = 39, .count = 1, .outputs = 1};
  EXPECT_EQ(copy_of(remote->forward({.sequences = {&next, 1}, .tokens = std::span(tokens).last(1), .activations = {}})),
            feed(local, std::span(tokens).last(1), 1));
}

// The later layers get activations.
TEST(RemoteMembers, MayHaveLaterLayers) {
  const TinyFile file("llama");
  const engine::Architecture a = engine::read_architecture(file.gguf()).value();
  auto local = engine::Chain::load(file.gguf(), std::vector{1U}, in_one_process(2), remote_options()).value();
  auto first = ShardGroup::load(file.gguf(), {0, 1}, in_one_process(2), remote_options()).value();
  RemoteGroup remote(file, 2, {1, a.n_layers});
  const auto tokens = tokens_of(20, a.n_vocab);
  const engine::SequenceTokens span{.sequence = wire::SeqId(0), .position = 0, .count = 20, .outputs = 1};
  const auto between = copy_of(first.forward({.sequences = {&span, 1}, .tokens = tokens, .activations = {}}));
  EXPECT_EQ(copy_of(remote->forward({.sequences = {&span, 1}, .tokens = {}, .activations = between})),
            feed(local, tokens, 1));
}

TEST(RemoteMembers, AStepThatFailsMovesNoSequenceInAnyMember) {
  const TinyFile file("llama");
  const engine::Architecture a = engine::read_architecture(file.gguf()).value();
  RemoteGroup remote(file, 2, {0, a.n_layers});
  const auto tokens = tokens_of(20, a.n_vocab);
  const engine::SequenceTokens span{.sequence = wire::SeqId(0), .position = 0, .count = 20, .outputs = 1};
  const engine::Batch right{.sequences = {&span, 1}, .tokens = tokens, .activations = {}};
  const auto expected = copy_of(remote->forward(right));
  const engine::SequenceTokens wrong{.sequence = wire::SeqId(0), .position = 3, .count = 1, .outputs = 1};
  for (int i = 0; i < 3; ++i)
    expect_error(remote->forward({.sequences = {&wrong, 1}, .tokens = std::span(tokens).first(1), .activations = {}}),
                 ErrorCode::invalid_argument, "position");
  ASSERT_TRUE(remote->truncate(wire::SeqId(0), 0));
  EXPECT_EQ(copy_of(remote->forward(right)), expected);
}

TEST(RemoteMembers, AMemberThatIsGoneEndsTheStepByName) {
  const TinyFile file("llama");
  const engine::Architecture a = engine::read_architecture(file.gguf()).value();
  RemoteGroup remote(file, 3, {0, a.n_layers});
  const auto tokens = tokens_of(20, a.n_vocab);
  const engine::SequenceTokens span{.sequence = wire::SeqId(0), .position = 0, .count = 20, .outputs = 1};
  remote.kill(2);
  expect_error(remote->forward({.sequences = {&span, 1}, .tokens = tokens, .activations = {}}), ErrorCode::unavailable,
               "member");
}

}  // namespace
}  // namespace exogpu::pipeline
