// Devices that cannot compute with a type of weights hold them in another one, or are refused by the tensor's name.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "engine/shard.h"
#include "engine/tensors/weight_layouts.h"
#include "engine/testing/tiny.h"
#include "gpu/layouts/book.h"

namespace exogpu::engine {
namespace {

using namespace testing;

// The processor, as if it computed nothing rightly with weights of these types.
gpu::Device without(const std::set<std::string>& types) {
  gpu::Device device = cpu();
  device.set_layouts(std::make_shared<gpu::LayoutBook>(
      std::filesystem::path(), [types](const gpu::Device&, std::span<const gpu::LayoutCase> cases) {
        std::vector<gpu::LayoutVerdict> verdicts;
        for (const gpu::LayoutCase& which : cases)
          verdicts.push_back(
              {types.contains(which.type) ? gpu::LayoutState::wrong : gpu::LayoutState::right, "made up"});
        return verdicts;
      }));
  return device;
}

Result<Chain> load_on(const gpu::Device& device, const model::Gguf& file) {
  return Chain::load(file, {}, device, {.context = 512, .threads = 1});
}

std::vector<float> answer(Chain& chain) {
  const auto tokens = tokens_of(24, chain.architecture().n_vocab);
  return feed(chain, tokens, 1);
}

std::vector<float> usual_answer(const TinyFile& file) {
  Chain chain = load_chain(file);
  return answer(chain);
}

TEST(ShardPrecision, Mxfp4InQ8IsTheSameModel) {
  const TinyFile file("gpt-oss", 1, {.matrices = tiny::MatrixType::mxfp4});
  const gpu::Device device = without({"mxfp4"});
  auto chain = load_on(device, file.gguf());
  ASSERT_TRUE(chain) << chain.error().message;
  const Shard& shard = chain->shards().front().first();
  const auto converted = shard.converted();
  ASSERT_EQ(converted.size(), 1U);
  EXPECT_EQ(converted[0].type, "mxfp4");
  EXPECT_EQ(converted[0].held_as, "q8_0");
  EXPECT_GT(converted[0].tensors, 8U);
  EXPECT_EQ(converted[0].bytes, shard.memory().weights_converted);
  // Both kernels multiply the same whole numbers; what differs is the order of the sums.
  EXPECT_LT(relative_error(answer(*chain), usual_answer(file)), 1e-5);
}

TEST(ShardPrecision, Bf16InF16AndInF32IsNearlyTheSame) {
  const TinyFile file("llama", 1, {.matrices = tiny::MatrixType::bf16});
  for (const auto& [lacks, held_as] : {std::pair<std::set<std::string>, std::string>{{"bf16"}, "f16"},
                                       std::pair<std::set<std::string>, std::string>{{"bf16", "f16"}, "f32"}}) {
    const gpu::Device device = without(lacks);
    auto chain = load_on(device, file.gguf());
    ASSERT_TRUE(chain) << chain.error().message;
    const auto converted = chain->shards().front().first().converted();
    ASSERT_EQ(converted.size(), 1U);
    EXPECT_EQ(converted[0].held_as, held_as);
    // The weights are the same numbers; kernels round activations as the weights' type has them, BF16 the most.
    EXPECT_LT(relative_error(answer(*chain), usual_answer(file)), 0.02) << held_as;
  }
}

TEST(ShardPrecision, WhatHasNoOtherTypeIsRefusedByName) {
  const TinyFile file("gpt-oss", 1, {.matrices = tiny::MatrixType::mxfp4});
  const auto refused = load_on(without({"mxfp4", "q8_0"}), file.gguf());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_NE(refused.error().message.find(" is of type mxfp4"), std::string::npos) << refused.error().message;
}

TEST(ShardPrecision, AValueBeyondTheOtherTypeIsRefusedByNameAndNumber) {
  const TinyFile file("llama", 1, {.matrices = tiny::MatrixType::bf16});
  constexpr const char* name = "blk.1.ffn_down.weight";
  const model::TensorInfo* tensor = file.gguf().find_tensor(name);
  ASSERT_NE(tensor, nullptr);
  ASSERT_EQ(tensor->type, model::TensorType::bf16);
  const auto changed = file.path().string() + ".large";
  std::filesystem::copy_file(file.path(), changed);
  {
    std::fstream out(changed, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(tensor->offset));
    const uint16_t large = 0x4780;  // 65,536: the least of BF16 that F16 lacks
    out.write(reinterpret_cast<const char*>(&large), sizeof(large));
  }
  const auto opened = model::Gguf::open(changed);
  std::filesystem::remove(changed);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(load_on(without({}), *opened)) << "a device with BF16 has it";
  const auto refused = load_on(without({"bf16"}), *opened);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_NE(refused.error().message.find(name), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("65536"), std::string::npos) << refused.error().message;
}

TEST(WeightKinds, CountTheMatricesOfAFile) {
  const TinyFile file("gpt-oss", 1, {.matrices = tiny::MatrixType::mxfp4});
  Bytes expected = 0;
  for (const model::TensorInfo& tensor : file.gguf().tensors())
    if (tensor.name.contains("_exps.weight")) expected += tensor.bytes;
  const auto kinds = weight_kinds(file.gguf());
  const auto experts = std::ranges::find_if(
      kinds, [](const wire::WeightKind& kind) { return kind.type == "mxfp4" && kind.use == "experts"; });
  ASSERT_NE(experts, kinds.end());
  EXPECT_EQ(experts->bytes, expected);
  EXPECT_TRUE(std::ranges::none_of(kinds, [](const wire::WeightKind& kind) { return kind.use == "rows"; }));
}

}  // namespace
}  // namespace exogpu::engine
