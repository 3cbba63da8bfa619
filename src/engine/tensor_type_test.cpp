// What model/ knows of the weight types, against ggml, which it may not include.
#include "model/tensor_type.h"

#include <ggml.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <vector>

#include "model/value_scan.h"

namespace exogpu::engine {
namespace {

using model::TensorType;

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

TEST(TensorTypes, AgreeWithGgml) {
  for (int id = 0; id < GGML_TYPE_COUNT; ++id) {
    auto theirs = static_cast<ggml_type>(id);
    const model::TensorTypeInfo* ours = model::tensor_type_info(static_cast<TensorType>(id));
    if (ggml_blck_size(theirs) == 0) {
      EXPECT_EQ(ours, nullptr) << id;
      EXPECT_FALSE(model::removed_tensor_type(static_cast<uint32_t>(id)).empty()) << id;
      continue;
    }
    ASSERT_NE(ours, nullptr) << ggml_type_name(theirs) << ": add it to tensor_type.cpp";
    EXPECT_EQ(ours->name, upper(ggml_type_name(theirs)));
    EXPECT_EQ(ours->block_elements, static_cast<uint32_t>(ggml_blck_size(theirs))) << ours->name;
    EXPECT_EQ(ours->block_bytes, ggml_type_size(theirs)) << ours->name;
  }
  EXPECT_EQ(model::tensor_type_info(static_cast<TensorType>(GGML_TYPE_COUNT)), nullptr);
}

bool ggml_reads_non_finite(ggml_type type, const std::vector<std::byte>& block, std::vector<float>& values) {
  ggml_get_type_traits(type)->to_float(block.data(), values.data(), static_cast<int64_t>(values.size()));
  return std::ranges::any_of(values, [](float value) { return !std::isfinite(value); });
}

// Puts NaN and infinity at every place of a block: where ggml then reads something that is not finite the scan must say
// so, and nowhere else.
TEST(TensorTypes, TheScanKnowsEveryScaleOfEveryBlockFormat) {
  const std::vector<std::vector<uint8_t>> patterns = {
      {0x00, 0x7E},
      {0x00, 0x7C},
      {0x00, 0xFC},              // f16
      {0x00, 0xF0, 0x00, 0xF0},  // f16 scattered over the high bits of u16
      {0x00, 0x00, 0x80, 0x7F},
      {0xFF},
      {0x7F},  // f32, e8m0, e4m3
      {0x00, 0x00},
      {0x00, 0x3C},
      {0xFF, 0x7B}};  // finite
  int formats = 0;
  for (int id = 0; id < GGML_TYPE_COUNT; ++id) {
    auto type = static_cast<ggml_type>(id);
    if (!ggml_is_quantized(type) || ggml_blck_size(type) == 0 || !ggml_get_type_traits(type)->to_float) continue;
    ++formats;
    // These formats define a NaN that ggml reads as a number.
    bool stricter = type == GGML_TYPE_MXFP4 || type == GGML_TYPE_NVFP4;
    std::vector<float> values(static_cast<size_t>(ggml_blck_size(type)));
    for (size_t at = 0; at < ggml_type_size(type); ++at) {
      for (const auto& pattern : patterns) {
        if (at + pattern.size() > ggml_type_size(type)) continue;
        std::vector<std::byte> block(ggml_type_size(type));
        std::memcpy(block.data() + at, pattern.data(), pattern.size());
        bool found = model::find_non_finite(static_cast<TensorType>(id), block).count > 0;
        bool theirs = ggml_reads_non_finite(type, block, values);
        EXPECT_TRUE(found == theirs || (found && stricter))
            << ggml_type_name(type) << ", byte " << at << ", first value " << int{pattern[0]} << ", found " << found;
      }
    }
  }
  EXPECT_GE(formats, 22);
}

}  // namespace
}  // namespace exogpu::engine
