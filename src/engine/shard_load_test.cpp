// Loading: what is refused, with what words, and that the estimate is right.
#include <gtest/gtest.h>

#include "engine/shard.h"
#include "engine/testing/tiny.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::engine {
namespace {

using namespace testing;

Error load_error(const TinyFile& file, wire::LayerRange layers, const ShardOptions& options,
                 const gpu::Device& device = cpu()) {
  auto shard = Shard::load(file.gguf(), layers, device, options);
  EXPECT_FALSE(shard);
  return shard ? Error{} : shard.error();
}

TEST(ShardLoad, RefusesWhatMakesNoSense) {
  TinyFile file("llama");
  EXPECT_EQ(load_error(file, {0, 0}, {}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_error(file, {3, 2}, {}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_error(file, {0, 99}, {}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_error(file, {0, 1}, {.context = 0}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_error(file, {0, 1}, {.context = UINT32_MAX}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_error(file, {0, 1}, {.sequences = 0}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_error(file, {0, 1}, {.batch_tokens = 0}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_error(file, {0, 1}, {.threads = 5000}).code, ErrorCode::invalid_argument);
}

TEST(ShardLoad, RefusesWhatDoesNotFitBeforeAllocating) {
  TinyFile file("llama");
  ShardOptions huge;
  huge.context = 1U << 20;
  huge.sequences = 256;
  huge.batch_tokens = 256;
  Error error = load_error(file, {0, 2}, huge);
  EXPECT_EQ(error.code, ErrorCode::out_of_memory);
  EXPECT_NE(error.message.find("bytes are missing"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("--context"), std::string::npos) << error.message;
}

TEST(ShardLoad, CanBeCancelled) {
  // Of a type that CPUs rearrange, so that there is something to copy.
  const TinyFile file("qwen3", 1, {.matrices = tiny::MatrixType::q8_0});
  std::stop_source stop;
  int reports = 0;
  const auto progress = [&](Bytes done, Bytes total) {
    ++reports;
    EXPECT_LT(done, total);
    stop.request_stop();
  };
  const auto shard = Shard::load(file.gguf(), {0, 2}, cpu(), {}, progress, stop.get_token());
  // However many threads load: nothing is reported after the stop.
  EXPECT_EQ(reports, shard ? 0 : 1) << "where all is used as it is mapped, there is nothing to cancel";
  reports = 0;
  stop.request_stop();
  const auto never = Shard::load(file.gguf(), {0, 2}, cpu(), {}, progress, stop.get_token());
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, ErrorCode::cancelled);
  EXPECT_EQ(reports, 0);
  EXPECT_TRUE(Shard::load(file.gguf(), {0, 2}, cpu(), {}));
}

TEST(ShardLoad, TheEstimateCountsEveryPart) {
  TinyFile file("qwen3");
  ShardOptions options;
  options.context = 1024;
  auto whole = Shard::measure(file.gguf(), {0, 2}, cpu(), options);
  ASSERT_TRUE(whole) << whole.error().message;
  auto architecture = read_architecture(file.gguf());
  ASSERT_TRUE(architecture);
  uint64_t per_token = uint64_t{architecture->layers[0].k_width()} + architecture->layers[0].v_width();
  EXPECT_EQ(whole->cache, 1024 * per_token * 2 * 2);  // two layers, two bytes each
  Bytes tensors = 0;
  for (const auto& t : file.gguf().tensors()) tensors += t.bytes;
  EXPECT_GE(whole->weights, tensors);
  EXPECT_GT(whole->compute, 0U);

  options.kv_type = KvType::q8_0;
  auto small = Shard::measure(file.gguf(), {0, 2}, cpu(), options);
  ASSERT_TRUE(small);
  EXPECT_EQ(small->cache, 1024 * per_token * 2 * 34 / 32);

  auto half = Shard::measure(file.gguf(), {1, 2}, cpu(), options);
  ASSERT_TRUE(half);
  EXPECT_LT(half->weights, small->weights);
  EXPECT_EQ(half->cache * 2, small->cache);
}

TEST(ShardLoad, LoadedMemoryIsTheMeasuredMemory) {
  TinyFile file("gemma3");
  auto measured = Shard::measure(file.gguf(), {0, 3}, cpu(), {});
  auto loaded = Shard::load(file.gguf(), {0, 3}, cpu(), {});
  ASSERT_TRUE(measured);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->memory().total(), measured->total());
}

// A model of one layer, of which each test breaks one thing.
class Broken : public ::testing::Test {
 protected:
  model::testing::GgufWriter writer;

  Error error() {
    auto path = std::filesystem::temp_directory_path() / std::format("exogpu-broken-{}.gguf", getpid());
    writer.write(path);
    auto file = model::Gguf::open(path);
    std::filesystem::remove(path);
    if (!file) return file.error();
    auto shard = Shard::load(*file, {0, 1}, cpu(), {.context = 64});
    return shard ? Error{ErrorCode::internal, "it loaded"} : shard.error();
  }

  void metadata(const std::string& architecture, uint32_t heads = 2, uint32_t kv_heads = 1, uint32_t d_model = 64) {
    std::string a = architecture + ".";
    writer.meta("general.architecture", architecture);
    writer.meta(a + "block_count", 1U).meta(a + "embedding_length", d_model).meta(a + "context_length", 128U);
    writer.meta(a + "attention.head_count", heads).meta(a + "attention.head_count_kv", kv_heads);
    writer.meta(a + "feed_forward_length", 64U).meta(a + "attention.layer_norm_rms_epsilon", 1e-5F);
  }

  void matrix(const std::string& name, uint64_t columns, uint64_t rows,
              model::TensorType type = model::TensorType::f32) {
    std::vector<uint64_t> shape = {columns};
    if (rows > 1) shape.push_back(rows);
    writer.tensor(name, type, shape, std::vector<std::byte>(columns * rows * 4));
  }

  void llama_tensors(uint64_t query_rows = 64, model::TensorType query_type = model::TensorType::f32) {
    matrix("token_embd.weight", 64, 32);
    matrix("output_norm.weight", 64, 1);
    matrix("blk.0.attn_norm.weight", 64, 1);
    matrix("blk.0.ffn_norm.weight", 64, 1);
    matrix("blk.0.attn_q.weight", 64, query_rows, query_type);
    matrix("blk.0.attn_k.weight", 64, 32);
    matrix("blk.0.attn_v.weight", 64, 32);
    matrix("blk.0.attn_output.weight", 64, 64);
    matrix("blk.0.ffn_gate.weight", 64, 64);
    matrix("blk.0.ffn_up.weight", 64, 64);
    matrix("blk.0.ffn_down.weight", 64, 64);
  }
};

TEST_F(Broken, NothingOfItIsBrokenAtFirst) {
  metadata("llama");
  llama_tensors();
  EXPECT_EQ(error().message, "it loaded");
}

TEST_F(Broken, ATensorThatNothingUsesIsRefused) {
  metadata("llama");
  llama_tensors();
  matrix("blk.0.attn_q.scale", 1, 1);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::unsupported);
  EXPECT_NE(e.message.find("blk.0.attn_q.scale"), std::string::npos) << e.message;
}

TEST_F(Broken, IntegerWeightsAreRefused) {
  metadata("llama");
  llama_tensors(64, model::TensorType::i32);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::unsupported);
  EXPECT_NE(e.message.find("blk.0.attn_q.weight is of type i32"), std::string::npos) << e.message;
}

TEST_F(Broken, MoreLayersThanTensorsAreRefused) {
  metadata("llama");
  writer.meta("llama.block_count", 1U << 20);
  llama_tensors();
  EXPECT_EQ(error().code, ErrorCode::corrupt);
}

TEST_F(Broken, UnknownArchitectureIsNamedWithTheKnownOnes) {
  metadata("mamba9");
  matrix("token_embd.weight", 64, 32);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::unsupported);
  EXPECT_NE(e.message.find("mamba9"), std::string::npos);
  EXPECT_NE(e.message.find("qwen3"), std::string::npos);
}

TEST_F(Broken, MissingSizeIsNamed) {
  writer.meta("general.architecture", std::string("llama"));
  matrix("token_embd.weight", 64, 32);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::corrupt);
  EXPECT_NE(e.message.find("llama.block_count is missing"), std::string::npos) << e.message;
}

TEST_F(Broken, ContradictingHeadsAreRefused) {
  metadata("llama", 3, 2);
  matrix("token_embd.weight", 64, 32);
  EXPECT_EQ(error().code, ErrorCode::corrupt);
}

TEST_F(Broken, AbsurdSizesAreRefused) {
  metadata("llama", 1U << 30, 1U << 30);
  matrix("token_embd.weight", 64, 32);
  EXPECT_EQ(error().code, ErrorCode::corrupt);
}

TEST_F(Broken, EmbeddingOfAnotherWidthIsRefused) {
  metadata("llama");
  matrix("token_embd.weight", 32, 32);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::corrupt);
  EXPECT_NE(e.message.find("token_embd.weight"), std::string::npos) << e.message;
}

TEST_F(Broken, VocabularyAndEmbeddingMustAgree) {
  metadata("llama");
  writer.array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"});
  matrix("token_embd.weight", 64, 32);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::corrupt);
  EXPECT_NE(e.message.find("3 tokens"), std::string::npos) << e.message;
}

TEST_F(Broken, MissingTensorIsNamed) {
  metadata("llama");
  matrix("token_embd.weight", 64, 32);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::corrupt);
  EXPECT_NE(e.message.find("output_norm.weight is missing"), std::string::npos) << e.message;
}

TEST_F(Broken, TensorOfAnotherShapeIsRefused) {
  metadata("llama");
  llama_tensors(48);
  Error e = error();
  EXPECT_EQ(e.code, ErrorCode::corrupt);
  EXPECT_NE(e.message.find("attn_q.weight is 64 x 48"), std::string::npos) << e.message;
}

}  // namespace
}  // namespace exogpu::engine
