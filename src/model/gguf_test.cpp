#include "model/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "model/testing/gguf_writer.h"
#include "model/testing/temp_dir.h"

namespace exogpu::model {
namespace {

using testing::GgufWriter;
using testing::TempDir;

GgufWriter small_model(uint32_t version = 3) {
  GgufWriter w(version);
  w.meta("general.architecture", "llama").meta("llama.block_count", 2u).meta("llama.eps", 1e-5f);
  w.tensor("token_embd.weight", TensorType::f32, {4, 2}, GgufWriter::floats({0, 1, 2, 3, 4, 5, 6, 7}));
  w.tensor("output_norm.weight", TensorType::f32, {3}, GgufWriter::floats({8, 9, 10}));
  w.zeros("blk.0.ffn_up.weight", TensorType::q4_k, {512, 3});
  return w;
}

Gguf parsed(const std::vector<std::byte>& bytes) {
  auto file = Gguf::parse(bytes, "model.gguf");
  if (!file) throw std::runtime_error(file.error().message);
  return *std::move(file);
}

std::vector<float> floats_of(const Gguf& file, std::string_view name) {
  auto bytes = file.data(*file.find_tensor(name));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TEST(Gguf, ReadsTensorsAndMetadataOfBothVersions) {
  for (uint32_t version : {2u, 3u}) {
    auto bytes = small_model(version).bytes();
    Gguf file = parsed(bytes);
    EXPECT_EQ(file.version(), version);
    EXPECT_EQ(file.file_bytes(), bytes.size());
    ASSERT_EQ(file.tensors().size(), 3u);
    EXPECT_EQ(file.tensors()[0].name, "token_embd.weight");
    const TensorInfo* embedding = file.find_tensor("token_embd.weight");
    ASSERT_NE(embedding, nullptr);
    EXPECT_EQ(embedding->n_dims, 2u);
    EXPECT_EQ(embedding->dims, (std::array<uint64_t, 4>{4, 2, 1, 1}));
    EXPECT_EQ(embedding->elements(), 8u);
    EXPECT_EQ(floats_of(file, "token_embd.weight"), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(floats_of(file, "output_norm.weight"), (std::vector<float>{8, 9, 10}));
    EXPECT_EQ(file.find_tensor("blk.0.ffn_up.weight")->bytes, 3u * 2 * 144);
    EXPECT_EQ(file.find_tensor("blk.0"), nullptr);
  }
}

TEST(Gguf, WidensEveryNumberType) {
  GgufWriter w;
  w.meta("u8", uint8_t{255}).meta("i8", int8_t{-128}).meta("u16", uint16_t{65535}).meta("i16", int16_t{-32768});
  w.meta("u32", uint32_t{4294967295}).meta("i32", int32_t{-2147483648}).meta("u64", uint64_t{INT64_MAX});
  w.meta("i64", int64_t{INT64_MIN}).meta("f32", 0.5f).meta("f64", 0.1).meta("yes", true).meta("no", false);
  w.array("bools", std::vector<uint8_t>{1, 0}).array("shorts", std::vector<int16_t>{-1, 2});
  w.array("longs", std::vector<uint64_t>{0, INT64_MAX}).array("f32s", std::vector<float>{0.5f, -2});
  w.array("f64s", std::vector<double>{0.1}).array("texts", std::vector<std::string>{"", "two"});
  w.array("none", std::vector<std::string>{});
  auto bytes = w.bytes();
  Gguf file = parsed(bytes);
  EXPECT_EQ(std::get<int64_t>(*file.find("u8")), 255);
  EXPECT_EQ(std::get<int64_t>(*file.find("i8")), -128);
  EXPECT_EQ(std::get<int64_t>(*file.find("u16")), 65535);
  EXPECT_EQ(std::get<int64_t>(*file.find("i16")), -32768);
  EXPECT_EQ(std::get<int64_t>(*file.find("u32")), 4294967295);
  EXPECT_EQ(std::get<int64_t>(*file.find("i32")), -2147483648LL);
  EXPECT_EQ(std::get<int64_t>(*file.find("u64")), INT64_MAX);
  EXPECT_EQ(std::get<int64_t>(*file.find("i64")), INT64_MIN);
  EXPECT_EQ(std::get<double>(*file.find("f32")), 0.5);
  EXPECT_EQ(std::get<double>(*file.find("f64")), 0.1);
  EXPECT_TRUE(std::get<bool>(*file.find("yes")));
  EXPECT_FALSE(std::get<bool>(*file.find("no")));
  EXPECT_EQ(*file.ints("bools"), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(*file.ints("shorts"), (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(*file.ints("longs"), (std::vector<int64_t>{0, INT64_MAX}));
  EXPECT_EQ(*file.floats("f32s"), (std::vector<double>{0.5, -2}));
  EXPECT_EQ(*file.floats("f64s"), (std::vector<double>{0.1}));
  EXPECT_EQ(*file.strings("texts"), (std::vector<std::string>{"", "two"}));
  EXPECT_TRUE(file.strings("none")->empty());
  EXPECT_EQ(file.ints("f32s"), nullptr);
  EXPECT_EQ(file.floats("missing"), nullptr);
  EXPECT_EQ(file.strings("u8"), nullptr);
}

TEST(Gguf, TypedAccessReportsTheError) {
  GgufWriter w;
  w.meta("name", "x").meta("count", 7u).meta("eps", 0.5f).meta("flag", true).meta("negative", -1);
  auto bytes = w.bytes();
  Gguf file = parsed(bytes);
  EXPECT_EQ(file.get_string("name"), "x");
  EXPECT_EQ(file.get_uint("count"), 7u);
  EXPECT_EQ(file.get_float("eps"), 0.5);
  EXPECT_EQ(file.get_float("count"), 7.0);
  EXPECT_EQ(file.get_bool("flag"), true);
  EXPECT_EQ(file.get_uint_or("missing", 3), 3u);
  EXPECT_EQ(file.get_string_or("missing", "d"), "d");
  EXPECT_EQ(file.get_float_or("missing", 1.5), 1.5);
  EXPECT_EQ(file.get_bool_or("missing", true), true);

  EXPECT_EQ(file.get_uint("missing").error().code, ErrorCode::not_found);
  EXPECT_EQ(file.get_uint("missing").error().message, "model.gguf: metadata missing is missing");
  for (const auto& error :
       {file.get_uint("negative").error(), file.get_uint("name").error(), file.get_uint("eps").error(),
        file.get_uint_or("name", 1).error(), file.get_string_or("count", "").error(), file.get_float("flag").error(),
        file.get_bool("count").error(), file.get_bool_or("count", true).error()}) {
    EXPECT_EQ(error.code, ErrorCode::corrupt);
    EXPECT_TRUE(error.message.starts_with("model.gguf: metadata ")) << error.message;
  }
}

TEST(Gguf, ObeysTheAlignment) {
  for (uint32_t alignment : {8u, 16u, 64u, 4096u}) {
    GgufWriter w;
    w.meta("general.name", "odd length").alignment(alignment);
    w.tensor("a", TensorType::f32, {3}, GgufWriter::floats({1, 2, 3}));
    w.tensor("b", TensorType::f32, {1}, GgufWriter::floats({4}));
    auto bytes = w.bytes();
    Gguf file = parsed(bytes);
    EXPECT_EQ(file.find_tensor("b")->offset % alignment, 0u);
    EXPECT_EQ(floats_of(file, "a"), (std::vector<float>{1, 2, 3}));
    EXPECT_EQ(floats_of(file, "b"), (std::vector<float>{4}));
  }
}

TEST(Gguf, NeedsNoPaddingAfterTheLastTensor) {
  auto bytes = small_model().bytes();
  bytes.resize(bytes.size() - (32 - 3 * 2 * 144 % 32) % 32);
  EXPECT_TRUE(Gguf::parse(bytes, "model.gguf"));
  GgufWriter vocabulary;
  vocabulary.meta("general.architecture", "llama");
  auto unpadded = vocabulary.bytes();
  unpadded.resize(4 + 4 + 8 + 8 + 8 + 20 + 4 + 8 + 5);
  EXPECT_TRUE(Gguf::parse(unpadded, "model.gguf"));
}

TEST(Gguf, OpensAFileAndReleasesItsPages) {
  TempDir dir;
  std::vector<float> values(100'000);
  std::iota(values.begin(), values.end(), 0.0f);
  GgufWriter w;
  w.tensor("big", TensorType::f32, {values.size()}, GgufWriter::as_bytes<float>(values));
  ASSERT_TRUE(w.write(dir / "model.gguf"));
  auto opened = Gguf::open(dir / "model.gguf");
  ASSERT_TRUE(opened) << opened.error().message;
  Gguf file = *std::move(opened);
  EXPECT_EQ(file.path(), dir / "model.gguf");
  ASSERT_EQ(file.parts().size(), 1u);
  EXPECT_EQ(file.parts()[0], dir / "model.gguf");
  EXPECT_EQ(floats_of(file, "big"), values);
  file.release(file.tensors()[0]);
  EXPECT_EQ(floats_of(file, "big"), values);
}

// ---- split models

// Three parts with one tensor each; `change` may damage one.
struct SplitModel {
  explicit SplitModel(const std::string& stem = "model") {
    for (uint16_t i = 0; i < 3; ++i) {
      GgufWriter w;
      if (i == 0) w.meta("general.architecture", "llama");
      w.meta("split.no", i).meta("split.count", uint16_t{3}).meta("split.tensors.count", 3);
      float value = i;
      w.tensor("t" + std::to_string(i), TensorType::f32, {1}, GgufWriter::as_bytes<float>(std::span(&value, 1)));
      EXPECT_TRUE(w.write(part(i, stem)));
    }
  }
  std::filesystem::path part(int index, const std::string& stem = "model") const {
    return dir / std::format("{}-{:05}-of-00003.gguf", stem, index + 1);
  }
  TempDir dir;
};

TEST(GgufSplit, OpensThroughAnyPart) {
  SplitModel model("odd-00001-of-00002 name");
  for (int named = 0; named < 3; ++named) {
    auto file = Gguf::open(model.part(named, "odd-00001-of-00002 name"));
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->parts().size(), 3u);
    EXPECT_EQ(file->parts()[2], model.part(2, "odd-00001-of-00002 name"));
    EXPECT_EQ(file->get_string("general.architecture"), "llama");
    ASSERT_EQ(file->tensors().size(), 3u);
    for (uint32_t i = 0; i < 3; ++i) {
      EXPECT_EQ(file->tensors()[i].part, i);
      EXPECT_EQ(floats_of(*file, "t" + std::to_string(i)), std::vector<float>{static_cast<float>(i)});
      file->release(file->tensors()[i]);
    }
    EXPECT_EQ(file->file_bytes(), std::filesystem::file_size(model.part(0, "odd-00001-of-00002 name")) +
                                      2 * std::filesystem::file_size(model.part(1, "odd-00001-of-00002 name")));
  }
}

TEST(GgufSplit, NamesTheMissingPart) {
  SplitModel model;
  std::filesystem::remove(model.part(1));
  auto file = Gguf::open(model.part(2));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
  EXPECT_EQ(file.error().message, model.part(1).string() + ": part 2 of 3 is missing; all parts must be in one folder");
}

TEST(GgufSplit, RefusesARenamedPart) {
  SplitModel model;
  std::filesystem::rename(model.part(0), model.dir / "renamed.gguf");
  auto file = Gguf::open(model.dir / "renamed.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(file.error().message.ends_with("so its name must end in -00001-of-00003.gguf; rename it"))
      << file.error().message;
}

void expect_contradiction(const SplitModel& model, ErrorCode code, std::string_view words) {
  for (int named : {0, 2}) {
    auto file = Gguf::open(model.part(named));
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, code) << file.error().message;
    EXPECT_NE(file.error().message.find(words), std::string::npos) << file.error().message;
  }
}

GgufWriter part_of(uint16_t index, uint16_t count, int32_t tensors, const std::string& tensor_name) {
  GgufWriter w;
  w.meta("split.no", index).meta("split.count", count).meta("split.tensors.count", tensors);
  w.tensor(tensor_name, TensorType::f32, {1}, GgufWriter::floats({1}));
  return w;
}

TEST(GgufSplit, RefusesPartsThatContradictOneAnother) {
  SplitModel model;
  ASSERT_TRUE(part_of(2, 3, 3, "t1").write(model.part(1)));
  expect_contradiction(model, ErrorCode::corrupt, "says it is part 3 of 3, not 2 of 3");
  ASSERT_TRUE(part_of(1, 4, 3, "t1").write(model.part(1)));
  expect_contradiction(model, ErrorCode::corrupt, "says it is part 2 of 4, not 2 of 3");
  ASSERT_TRUE(part_of(1, 3, 4, "t1").write(model.part(1)));
  expect_contradiction(model, ErrorCode::corrupt, "another part says");
  ASSERT_TRUE(part_of(1, 3, 3, "t0").write(model.part(1)));
  expect_contradiction(model, ErrorCode::corrupt, "tensor t0 is also in");
  ASSERT_TRUE(part_of(1, 3, 3, "t1").zeros("extra", TensorType::f32, {1}).write(model.part(1)));
  expect_contradiction(model, ErrorCode::corrupt, "the parts hold 4 tensors together");
  ASSERT_TRUE(GgufWriter().zeros("t1", TensorType::f32, {1}).write(model.part(1)));
  expect_contradiction(model, ErrorCode::corrupt, "says it is part 1 of 1, not 2 of 3");
  ASSERT_TRUE(GgufWriter::write_file(model.part(1), {}));
  expect_contradiction(model, ErrorCode::unsupported, "it is empty");
}

TEST(GgufSplit, RefusesImpossibleNumbers) {
  TempDir dir;
  ASSERT_TRUE(part_of(5, 3, 3, "t").write(dir / "m-00006-of-00003.gguf"));
  auto file = Gguf::open(dir / "m-00006-of-00003.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::corrupt);
  auto negative = GgufWriter().meta("split.count", -3).bytes();
  EXPECT_EQ(Gguf::parse(negative, "m").error().code, ErrorCode::corrupt);
  auto text = GgufWriter().meta("split.count", "3").bytes();
  EXPECT_EQ(Gguf::parse(text, "m").error().code, ErrorCode::corrupt);
  auto in_memory = part_of(0, 3, 3, "t").bytes();
  EXPECT_EQ(Gguf::parse(in_memory, "m").error().code, ErrorCode::unsupported);
  auto single = part_of(0, 1, 1, "t").bytes();
  EXPECT_TRUE(Gguf::parse(single, "m"));
}

}  // namespace
}  // namespace exogpu::model
