#include "engine/families/known_parts.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "engine/families/architecture.h"
#include "engine/testing/tiny.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::engine {
namespace {

// A file of no known architecture, with tensors of these names.
std::string parts_of(std::initializer_list<std::string_view> tensors) {
  model::testing::GgufWriter writer;
  writer.meta("general.architecture", "strange");
  for (const std::string_view name : tensors)
    writer.tensor(name, model::TensorType::f32, {1}, model::testing::GgufWriter::floats({0}));
  const std::vector<std::byte> bytes = writer.bytes();
  const auto file = model::Gguf::parse(bytes, "strange.gguf");
  EXPECT_TRUE(file) << file.error().message;
  return parts_of_unknown(*file);
}

TEST(KnownParts, AreToldByTheTensorsThatOnlyTheyHave) {
  const std::string text = parts_of({"token_embd.weight", "blk.0.attn_norm.weight", "blk.0.ssm_in.weight",
                                     "blk.0.ssm_d", "blk.0.ssm_a", "blk.1.attn_q.weight", "blk.1.attn_output.weight",
                                     "blk.1.ffn_gate_inp.weight", "blk.1.ffn_down_exps.weight"});
  EXPECT_TRUE(text.contains("exogpu knows: attention, Mamba-2, experts;")) << text;
  EXPECT_FALSE(text.contains("what these tensors")) << text;
}

TEST(KnownParts, WhatNoPartHasIsNamedOnce) {
  const std::string text = parts_of({"blk.0.attn_output.weight", "blk.0.attn_wobble.weight", "blk.1.attn_output.weight",
                                     "blk.1.attn_wobble.weight", "blk.1.ssm_in.weight"});
  EXPECT_TRUE(text.contains("knows: attention; missing is the description")) << text;
  EXPECT_TRUE(text.ends_with("are for: attn_wobble.weight, ssm_in.weight")) << text;
  EXPECT_TRUE(parts_of({"blk.0.time_mix.weight"}).contains("no part that exogpu knows"));
}

// A model of a known family under another name is refused with all of its parts and no stranger.
TEST(KnownParts, EveryFamilyIsMadeOfThem) {
  for (const tiny::Family& family : tiny::families()) {
    const auto bytes = tiny::tiny_model(family.name);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto file = model::Gguf::parse(*bytes, "model.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const std::string text = parts_of_unknown(*file);
    EXPECT_TRUE(text.contains("parts that exogpu knows")) << family.name << ": " << text;
    EXPECT_FALSE(text.contains("what these tensors")) << family.name << ": " << text;
  }
}

TEST(KnownParts, AnUnknownArchitectureIsRefusedWithThem) {
  model::testing::GgufWriter writer;
  writer.meta("general.architecture", "strange").meta("strange.block_count", 1U);
  writer.tensor("blk.0.shortconv.conv.weight", model::TensorType::f32, {1}, model::testing::GgufWriter::floats({0}));
  const std::vector<std::byte> bytes = writer.bytes();
  const auto file = model::Gguf::parse(bytes, "strange.gguf");
  ASSERT_TRUE(file) << file.error().message;
  const auto read = read_architecture(*file);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::unsupported);
  EXPECT_TRUE(read.error().message.contains("\"strange\" are not supported")) << read.error().message;
  EXPECT_TRUE(read.error().message.contains("knows: short convolutions;")) << read.error().message;
}

}  // namespace
}  // namespace exogpu::engine
