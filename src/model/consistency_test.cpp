#include "model/consistency.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "model/testing/fixtures.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::model {
namespace {

using testing::GgufWriter;

std::vector<std::string> found_in(const GgufWriter& w) {
  auto bytes = w.bytes();
  auto file = Gguf::parse(bytes, "model.gguf");
  EXPECT_TRUE(file) << file.error().message;
  return contradictions(*file);
}

// Three tokens, 32 wide, one layer.
GgufWriter sound() {
  GgufWriter w;
  w.meta("general.architecture", "llama").meta("llama.embedding_length", 32u).meta("llama.block_count", 1u);
  w.array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"});
  w.zeros("token_embd.weight", TensorType::f32, {32, 3}).zeros("blk.0.attn_q.weight", TensorType::f32, {32, 32});
  return w;
}

TEST(Consistency, ASoundFileHasNone) {
  EXPECT_TRUE(found_in(sound()).empty());
  EXPECT_TRUE(found_in(GgufWriter()).empty());
  EXPECT_TRUE(found_in(GgufWriter().array("tokenizer.ggml.tokens", std::vector<std::string>{"a"})).empty());
}

TEST(Consistency, NamesEachContradiction) {
  auto expect = [](const GgufWriter& w, std::string_view sentence) {
    auto found = found_in(w);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0], sentence);
  };
  expect(sound().zeros("output.weight", TensorType::f32, {32, 4}),
         "tensor output.weight has 4 rows, but the vocabulary has 3 tokens");
  expect(sound().meta("llama.vocab_size", 5u), "metadata llama.vocab_size is 5, but the vocabulary has 3 tokens");
  expect(sound().array("tokenizer.ggml.scores", std::vector<float>{1}),
         "metadata tokenizer.ggml.scores has 1 entries, but the vocabulary has 3 tokens");
  expect(sound().array("tokenizer.ggml.token_type", std::vector<int32_t>{1, 1, 1, 1}),
         "metadata tokenizer.ggml.token_type has 4 entries, but the vocabulary has 3 tokens");
  expect(sound().meta("tokenizer.ggml.eos_token_id", 3u),
         "metadata tokenizer.ggml.eos_token_id is 3, but the vocabulary has 3 tokens");
  expect(sound().zeros("blk.1.x", TensorType::f32, {1}),
         "metadata llama.block_count is 1, but there are weights of 2 layers");
  GgufWriter narrow;
  narrow.meta("general.architecture", "llama").meta("llama.embedding_length", 64u);
  narrow.zeros("token_embd.weight", TensorType::f32, {32, 3});
  expect(narrow, "tensor token_embd.weight is 32 wide, but metadata llama.embedding_length is 64");
  GgufWriter gap;
  gap.meta("general.architecture", "llama").meta("llama.block_count", 2u).zeros("blk.1.x", TensorType::f32, {1});
  expect(gap, "layer 0 has no tensors");
}

TEST(Consistency, TheRecordedModelsAreSound) {
  auto fixtures = testing::fixtures_dir();
  if (!fixtures) GTEST_SKIP() << "no recorded models here; set EXOGPU_FIXTURES to their directory";
  int models = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*fixtures)) {
    if (entry.path().extension() != ".gguf") continue;
    ++models;
    auto file = Gguf::open(entry.path());
    ASSERT_TRUE(file) << file.error().message;
    for (const std::string& sentence : contradictions(*file)) ADD_FAILURE() << entry.path() << ": " << sentence;
  }
  EXPECT_GT(models, 10);
}

}  // namespace
}  // namespace exogpu::model
