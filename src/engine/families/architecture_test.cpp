// Whatever numbers a file states about its layers: the model is measured or refused, and nothing ends the program.
#include "engine/families/architecture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "engine/shard.h"
#include "engine/testing/tiny.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::engine {
namespace {

class DamagedMetadata : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Families, DamagedMetadata,
                         ::testing::Values("gpt-oss", "qwen35", "qwen3next", "gemma3n", "gemma4", "deepseek2", "lfm2",
                                           "nemotron_h", "falcon-h1", "cohere2"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// The offset of the key's first number, and how many there are. Numbers of 4 bytes only.
struct Numbers {
  size_t at = 0;
  uint64_t count = 0;
};

Numbers numbers_of(std::span<const std::byte> file, const std::string& key) {
  constexpr uint32_t string_type = 8;
  constexpr uint32_t array_type = 9;
  const auto found = std::ranges::search(file, std::as_bytes(std::span(key)));
  size_t at = static_cast<size_t>(found.end() - file.begin());
  auto read = [&](auto value) {
    std::memcpy(&value, file.data() + at, sizeof(value));
    at += sizeof(value);
    return value;
  };
  const auto type = read(uint32_t{});
  if (type == string_type || type == 7) return {};
  if (type != array_type) return {at, 1};
  read(uint32_t{});
  const auto count = read(uint64_t{});
  return {at, count};
}

void measure_or_refuse(std::span<const std::byte> bytes, const std::string& what) {
  const auto file = model::Gguf::parse(bytes, "damaged.gguf");
  if (!file) return;
  const auto a = read_architecture(*file);
  if (!a) {
    EXPECT_FALSE(a.error().message.empty()) << what;
    return;
  }
  ShardOptions options;
  options.context = 64;
  options.sequences = 2;
  const auto need = Shard::measure(*file, {0, a->n_layers}, testing::cpu(), options);
  EXPECT_TRUE(need || !need.error().message.empty()) << what;
}

TEST_P(DamagedMetadata, IsMeasuredOrRefused) {
  const auto sound = tiny::tiny_model(GetParam(), 1, {.embedding_length = 64});
  ASSERT_TRUE(sound) << sound.error().message;
  const auto file = model::Gguf::parse(*sound, "sound.gguf");
  ASSERT_TRUE(file) << file.error().message;
  const std::string prefix = file->get_string("general.architecture").value() + ".";
  int changed = 0;
  for (const model::MetaEntry& entry : file->metadata()) {
    if (!entry.key.starts_with(prefix)) continue;
    const Numbers numbers = numbers_of(*sound, entry.key);
    for (const uint32_t value : {0U, 1U, 2U, 3U, 7U, 33U, 1U << 20, 0x7FFF'FFFFU, 0xFFFF'FFFFU, 0x7FC0'0000U}) {
      std::vector<std::byte> bytes = *sound;
      for (uint64_t i = 0; i < numbers.count; ++i)
        std::memcpy(bytes.data() + numbers.at + 4 * i, &value, sizeof(value));
      measure_or_refuse(bytes, entry.key + " = " + std::to_string(value));
      ++changed;
    }
    std::vector<std::byte> bytes = *sound;
    const auto key = std::ranges::search(bytes, std::as_bytes(std::span(entry.key)));
    key.back() = std::byte{'#'};
    measure_or_refuse(bytes, entry.key + " missing");
  }
  EXPECT_GT(changed, 100);
}

TEST(UnknownArchitecture, IsRefusedWithThePartsItSeemsToBeMadeOf) {
  model::testing::GgufWriter writer;
  writer.meta("general.architecture", "qwen9");
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_output.weight", "blk.0.ffn_down_exps.weight",
                           "blk.0.warp_drive.weight", "token_embd.weight"})
    writer.zeros(name, model::TensorType::f32, {4, 4});
  const std::vector<std::byte> bytes = writer.bytes();
  const auto file = model::Gguf::parse(bytes, "new.gguf");
  ASSERT_TRUE(file) << file.error().message;
  const auto a = read_architecture(*file);
  ASSERT_FALSE(a);
  EXPECT_EQ(a.error().code, ErrorCode::unsupported);
  for (const char* part : {"\"qwen9\"", "qwen35", "attention", "experts", "warp_drive.weight"})
    EXPECT_TRUE(a.error().message.contains(part)) << part << ": " << a.error().message;
  EXPECT_FALSE(a.error().message.contains("Mamba")) << a.error().message;
}

}  // namespace
}  // namespace exogpu::engine
