#include "model/model_name.h"

#include <gtest/gtest.h>

namespace exogpu::model {
namespace {

TEST(ModelName, StemAndParts) {
  EXPECT_EQ(parse_file_name("a/b-Q8_0.gguf").stem, "a/b-Q8_0");
  EXPECT_EQ(parse_file_name("b.GGUF").stem, "b");
  for (const char* none : {"", ".gguf", "model.safetensors", "gguf", "model.gguf.part"})
    EXPECT_EQ(parse_file_name(none).stem, "") << none;
  const FileName part = parse_file_name("q/b-00002-of-00012.gguf");
  EXPECT_EQ(part.stem, "q/b");
  EXPECT_EQ(part.index, 1u);
  EXPECT_EQ(part.parts, 12u);
  EXPECT_EQ(file_name(part.stem, part.index, part.parts), "q/b-00002-of-00012.gguf");
  EXPECT_EQ(file_name("b", 0, 1), "b.gguf");
}

TEST(ModelName, WhatOnlyLooksLikeAPart) {
  for (const char* name : {"b-00000-of-00002.gguf", "b-00003-of-00002.gguf", "b-0001-of-00002.gguf",
                           "b-0000a-of-00002.gguf", "b_00001-of-00002.gguf", "-00001-of-00002.gguf"}) {
    EXPECT_EQ(parse_file_name(name).parts, 1u) << name;
    EXPECT_FALSE(parse_file_name(name).stem.empty()) << name;
  }
}

TEST(ModelName, Quantisation) {
  for (const char* stem : {"Qwen3-0.6B-Q4_K_M", "llama-2-7b.Q4_K_M", "ggml-model-q4_k_m", "Q4_K_M/part", "q4_k_m",
                           "tiny_q4_k_m", "x-Q4_K_M-imat", "UD-Q4_K_M"})
    EXPECT_TRUE(has_quantisation(stem, "Q4_K_M")) << stem;
  for (const char* stem : {"Qwen3-0.6B-Q4_K_S", "x-Q4_K_ML", "xQ4_K_M", "x_q4_k_m_y", "", "iQ4_K_M"})
    EXPECT_FALSE(has_quantisation(stem, "Q4_K_M")) << stem;
  EXPECT_FALSE(has_quantisation("x-Q4_K_M", "Q4_K"));
  EXPECT_FALSE(has_quantisation("x-Q4_K_M", ""));
  EXPECT_TRUE(has_quantisation("x-UD-Q4_K_XL", "ud-q4_k_xl"));
}

}  // namespace
}  // namespace exogpu::model
