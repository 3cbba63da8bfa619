#include "tiny_model/tiny_model.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "model/gguf.h"
#include "model/testing/temp_dir.h"

namespace exogpu::tiny {
namespace {

uint64_t hash(std::span<const std::byte> bytes) {
  uint64_t state = 0xCBF2'9CE4'8422'2325;  // FNV-1a
  for (std::byte byte : bytes) state = (state ^ static_cast<uint64_t>(byte)) * 0x100'0000'01B3;
  return state;
}

TEST(TinyModel, TheSameArgumentsGiveTheSameBytes) {
  for (const Family& family : families()) {
    const Options options = {.layers = 1};
    const auto first = tiny_model(family.name, 7, options);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(hash(*first), hash(tiny_model(family.name, 7, options).value())) << family.name;
    EXPECT_NE(hash(*first), hash(tiny_model(family.name, 8, options).value())) << family.name;
  }
}

TEST(TinyModel, FamiliesHaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Family& family : families()) EXPECT_TRUE(names.insert(family.name).second) << family.name;
}

TEST(TinyModel, NarrowerMatricesMakeSmallerFiles) {
  const size_t f32 = tiny_model("qwen3", 1, {.matrices = MatrixType::f32}).value().size();
  const size_t f16 = tiny_model("qwen3", 1, {.matrices = MatrixType::f16}).value().size();
  const size_t q8_0 = tiny_model("qwen3", 1, {.matrices = MatrixType::q8_0}).value().size();
  EXPECT_NEAR(static_cast<double>(f32) / static_cast<double>(f16), 2.0, 0.1);
  EXPECT_NEAR(static_cast<double>(f32) / static_cast<double>(q8_0), 32.0 / 8.5, 0.3);
  const size_t q4_0 = tiny_model("qwen3", 1, {.matrices = MatrixType::q4_0}).value().size();
  EXPECT_NEAR(static_cast<double>(f32) / static_cast<double>(q4_0), 32.0 / 4.5, 0.9);
}

TEST(TinyModel, MoreLayersMakeALargerFile) {
  EXPECT_GT(tiny_model("llama", 1, {.layers = 3}).value().size(), tiny_model("llama", 1, {.layers = 2}).value().size());
}

// Opening checks that every tensor lies in the file, is of a known type and does not overlap the next.
TEST(TinyModel, EveryFamilyIsAModelFile) {
  const model::testing::TempDir directory;
  for (const Family& family : families()) {
    for (const MatrixType type : {MatrixType::f32, MatrixType::bf16, MatrixType::q8_0, MatrixType::mxfp4}) {
      const auto path = directory / std::string(family.name);
      const auto written = write_tiny_model(path, family.name, 1, {.matrices = type, .layers = 1});
      ASSERT_TRUE(written) << written.error().message;
      const auto file = model::Gguf::open(path);
      ASSERT_TRUE(file) << file.error().message;
      EXPECT_EQ(file->get_string("general.architecture").value(), family.architecture);
      EXPECT_EQ(file->get_uint(std::format("{}.block_count", family.architecture)).value(), 1);
      const model::TensorInfo* embedding = file->find_tensor("token_embd.weight");
      ASSERT_NE(embedding, nullptr) << family.name;
      EXPECT_EQ(embedding->dims[1], file->strings("tokenizer.ggml.tokens")->size());
      EXPECT_EQ(file->get_uint(std::format("{}.vocab_size", family.architecture)).value(), embedding->dims[1]);
    }
  }
}

TEST(TinyModel, WrongArgumentsAreNamed) {
  const auto unknown = tiny_model("lama");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_NE(unknown.error().message.find("lama: no such family"), std::string::npos);
  EXPECT_NE(unknown.error().message.find("qwen3moe"), std::string::npos);
  EXPECT_EQ(tiny_model("llama", 1, {.layers = 0}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(tiny_model("llama", 1, {.embedding_length = 100}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(tiny_model("llama", 1, {.context_length = 0}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(write_tiny_model("/nowhere/at/all.gguf", "llama").error().code, ErrorCode::io_error);
}

}  // namespace
}  // namespace exogpu::tiny
