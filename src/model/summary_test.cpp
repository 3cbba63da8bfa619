#include "model/summary.h"

#include <gtest/gtest.h>

#include "model/testing/fixtures.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::model {
namespace {

using testing::GgufWriter;

ModelSummary summary_of(const GgufWriter& w) {
  auto bytes = w.bytes();
  auto file = Gguf::parse(bytes, "model.gguf");
  EXPECT_TRUE(file) << file.error().message;
  return summarize(*file);
}

GgufWriter two_layers() {
  GgufWriter w;
  w.meta("general.architecture", "llama").meta("general.name", "Two").meta("general.file_type", 15u);
  w.meta("llama.block_count", 2u).meta("llama.context_length", 4096u).meta("llama.embedding_length", 64u);
  w.meta("llama.feed_forward_length", 128u).meta("llama.attention.head_count", 4u);
  w.meta("llama.attention.head_count_kv", 2u).meta("llama.rope.freq_base", 10000.0F);
  w.array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"}).meta("tokenizer.ggml.model", "llama");
  w.zeros("token_embd.weight", TensorType::f16, {64, 3}).zeros("output_norm.weight", TensorType::f32, {64});
  w.zeros("blk.0.attn_q.weight", TensorType::q8_0, {64, 64}).zeros("blk.1.attn_q.weight", TensorType::q8_0, {64, 64});
  w.zeros("blk.1.attn_k.weight", TensorType::q8_0, {64, 32}).zeros("rope_freqs.weight", TensorType::f32, {8});
  return w;
}

TEST(Summary, ReportsTheFilesMetadata) {
  ModelSummary m = summary_of(two_layers());
  EXPECT_EQ(m.name, "Two");
  EXPECT_EQ(m.architecture, "llama");
  EXPECT_EQ(m.file_type, "Q4_K_M");
  EXPECT_EQ(m.context_length, 4096u);
  EXPECT_EQ(m.width, 64u);
  EXPECT_EQ(m.heads, (std::vector<uint64_t>{4, 4}));
  EXPECT_EQ(m.kv_heads, (std::vector<uint64_t>{2, 2}));
  EXPECT_EQ(m.key_length, 16u);
  EXPECT_EQ(m.value_length, 16u);
  EXPECT_EQ(m.vocabulary, 3u);
  EXPECT_EQ(m.rope_base, 10000.0);
  EXPECT_FALSE(m.experts);
  EXPECT_FALSE(m.chat_template);
}

TEST(Summary, CountsEveryByteOnce) {
  ModelSummary m = summary_of(two_layers());
  EXPECT_EQ(m.embedding_bytes, 64u * 3 * 2);
  EXPECT_EQ(m.head_bytes, 64u * 4);
  EXPECT_EQ(m.other_bytes, 8u * 4);
  ASSERT_EQ(m.layers.size(), 2u);
  EXPECT_EQ(m.layers[0].weight_bytes, 64u * 2 * 34);
  EXPECT_EQ(m.layers[1].weight_bytes, (64u + 32) * 2 * 34);
  Bytes places = m.embedding_bytes + m.head_bytes + m.other_bytes + m.layers[0].weight_bytes + m.layers[1].weight_bytes;
  EXPECT_EQ(m.weight_bytes, places);
  EXPECT_EQ(m.parameters, 64u * 3 + 64 + 64 * 64 * 2 + 64 * 32 + 8);
  EXPECT_TRUE(m.tied_head);
  ASSERT_EQ(m.types.size(), 3u);
  EXPECT_EQ(m.types[0].type, TensorType::q8_0);
  EXPECT_EQ(m.types[0].tensors, 3u);
  EXPECT_NEAR(m.bits_per_weight(), 8.0 * static_cast<double>(places) / static_cast<double>(m.parameters), 1e-12);
}

TEST(Summary, KvCacheOfOneToken) {
  ModelSummary m = summary_of(two_layers());
  ASSERT_TRUE(m.kv_known);
  EXPECT_EQ(kv_bytes_per_token(m.layers, TensorType::f16), 2u * 2 * (2 * 16) * 2);
  EXPECT_EQ(kv_bytes_per_token(m.layers, TensorType::f32), 2u * 2 * (2 * 16) * 4);
  EXPECT_EQ(kv_bytes_per_token(m.layers, TensorType::q8_0), 2u * 2 * 34);
}

TEST(Summary, LayersMayDiffer) {
  GgufWriter varied;
  varied.meta("general.architecture", "openelm").meta("openelm.block_count", 3u).meta("openelm.embedding_length", 64u);
  varied.array("openelm.attention.head_count", std::vector<int32_t>{4, 8, 4});
  varied.array("openelm.attention.head_count_kv", std::vector<int32_t>{1, 2, 0});
  varied.meta("openelm.attention.key_length", 32u).meta("openelm.attention.value_length", 16u);
  ModelSummary m = summary_of(varied);
  EXPECT_EQ(m.heads, (std::vector<uint64_t>{4, 8, 4}));
  EXPECT_EQ(m.kv_heads, (std::vector<uint64_t>{1, 2, 0}));
  EXPECT_EQ(m.layers[1].k_elements, 64u);
  EXPECT_EQ(m.layers[1].v_elements, 32u);
  EXPECT_EQ(m.layers[2].k_elements, 0u);
  EXPECT_EQ(kv_bytes_per_token(m.layers, TensorType::f16), 2u * (48 + 96));
}

TEST(Summary, MixtureOfExpertsCountsWhatATokenUses) {
  GgufWriter w;
  w.meta("general.architecture", "llama").meta("llama.block_count", 1u);
  w.meta("llama.expert_count", 8u).meta("llama.expert_used_count", 2u);
  w.zeros("blk.0.ffn_up_exps.weight", TensorType::f32, {16, 4, 8}).zeros("blk.0.attn_q.weight", TensorType::f32, {10});
  ModelSummary m = summary_of(w);
  EXPECT_EQ(m.parameters, 16u * 4 * 8 + 10);
  EXPECT_EQ(m.active_parameters, 16u * 4 * 2 + 10);
}

TEST(Summary, AnEmptyOrHostileFileIsNoError) {
  ModelSummary empty = summary_of(GgufWriter());
  EXPECT_TRUE(empty.layers.empty());
  EXPECT_FALSE(empty.kv_known);
  EXPECT_EQ(empty.bits_per_weight(), 0);

  GgufWriter w;
  w.meta("general.architecture", "llama").meta("llama.block_count", uint64_t{1} << 60);
  w.meta("llama.attention.head_count", uint64_t{1} << 60).meta("llama.embedding_length", uint64_t{1} << 60);
  w.meta("llama.attention.key_length", uint64_t{1} << 60).meta("llama.expert_count", 0u);
  w.zeros("blk.4294967295.x", TensorType::f32, {1}).zeros("blk.2.x", TensorType::f32, {1});
  ModelSummary m = summary_of(w);
  EXPECT_EQ(m.layers.size(), 3u);
  EXPECT_FALSE(m.kv_known);
  EXPECT_FALSE(m.experts);
}

TEST(Summary, LayerOfATensor) {
  EXPECT_EQ(layer_of_tensor("blk.0.attn_q.weight"), 0u);
  EXPECT_EQ(layer_of_tensor("blk.127.attn_q.weight"), 127u);
  for (std::string_view name :
       {"token_embd.weight", "blk.", "blk.x.y", "blk.1", "blk.-1.y", "v.blk.1.y", "blk.99999999999.y", "blk.1x.y"}) {
    EXPECT_FALSE(layer_of_tensor(name)) << name;
  }
}

TEST(Summary, ReadsTheRecordedModels) {
  auto fixtures = testing::fixtures_dir();
  if (!fixtures) GTEST_SKIP() << "no recorded models here; set EXOGPU_FIXTURES to their directory";
  auto file = Gguf::open(*fixtures / "logits" / "qwen3moe.gguf");
  ASSERT_TRUE(file) << file.error().message;
  ModelSummary m = summarize(*file);
  EXPECT_EQ(m.architecture, "qwen3moe");
  EXPECT_EQ(m.layers.size(), 2u);
  EXPECT_EQ(m.experts, 8u);
  EXPECT_EQ(m.expert_feed_forward, 256u);
  EXPECT_LT(*m.active_parameters, m.parameters);
  auto yarn = Gguf::open(*fixtures / "logits" / "llama-yarn.gguf");
  ASSERT_TRUE(yarn) << yarn.error().message;
  EXPECT_EQ(summarize(*yarn).rope_scaling, "yarn, factor 4 from 512 tokens");
}

TEST(Summary, CachesAreCountedWhereLayersHaveThem) {
  GgufWriter hybrid;
  hybrid.meta("general.architecture", "qwen35").meta("qwen35.block_count", 8U).meta("qwen35.embedding_length", 64U);
  hybrid.meta("qwen35.attention.head_count", 4U).meta("qwen35.attention.head_count_kv", 2U);
  hybrid.meta("qwen35.full_attention_interval", 4U);
  hybrid.zeros("token_embd.weight", TensorType::f32, {64, 2});
  const ModelSummary one = summary_of(hybrid);
  EXPECT_EQ(kv_bytes_per_token(one.layers, TensorType::f16), 2 * 2 * 2 * 16 * 2) << "two layers of eight attend";

  GgufWriter latent;
  latent.meta("general.architecture", "deepseek2").meta("deepseek2.block_count", 1U);
  latent.meta("deepseek2.embedding_length", 64U).meta("deepseek2.attention.head_count", 4U);
  latent.meta("deepseek2.attention.head_count_kv", 1U).meta("deepseek2.attention.key_length", 96U);
  latent.meta("deepseek2.attention.value_length", 64U).meta("deepseek2.attention.key_length_mla", 48U);
  latent.zeros("token_embd.weight", TensorType::f32, {64, 2});
  const ModelSummary two = summary_of(latent);
  EXPECT_EQ(kv_bytes_per_token(two.layers, TensorType::f16), 96 * 2) << "values are a part of the keys";
}

}  // namespace
}  // namespace exogpu::model
