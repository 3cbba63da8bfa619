#include "pipeline/activation_codec.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>

namespace exogpu::pipeline {
namespace {

using wire::Dtype;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Result<std::vector<float>> there_and_back(Dtype dtype, std::span<const float> rows, uint32_t columns) {
  std::vector<std::byte> bytes(rows.size() / columns * wire::row_bytes(dtype, columns).value());
  EXO_CHECK(encode_rows(dtype, rows, columns, bytes));
  std::vector<float> back(rows.size());
  EXO_CHECK(decode_rows(dtype, bytes, columns, back));
  return back;
}

void expect_refused(const Result<std::vector<float>>& result, std::string_view words) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::corrupt);
  EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
}

// Of every magnitude between 2^low and 2^high.
std::vector<float> values(size_t count, int low, int high) {
  std::vector<float> result;
  for (size_t i = 0; i < count; ++i) {
    const auto pick = [](int from, int to) {
      return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<int>(from, to));
    };
    const float mantissa = 1 + static_cast<float>(pick(0, 1 << 23)) * 0x1p-23F;
    result.push_back(std::ldexp(pick(0, 2) == 0 ? mantissa : -mantissa, pick(low, high)));
  }
  return result;
}

TEST(ActivationCodec, AnErrorIsAsSmallAsTheHeaderPromises) {
  EXPECT_TRUE(rc::check([] {
    auto rows = values(64, -14, 15);
    const auto f16 = there_and_back(Dtype::f16, rows, 32).value();
    for (size_t i = 0; i < rows.size(); ++i) RC_ASSERT(std::abs(f16[i] - rows[i]) <= std::abs(rows[i]) * 0x1p-11F);

    rows = values(64, -126, 127);
    const auto bf16 = there_and_back(Dtype::bf16, rows, 64).value();
    for (size_t i = 0; i < rows.size(); ++i) RC_ASSERT(std::abs(bf16[i] - rows[i]) <= std::abs(rows[i]) * 0x1p-8F);
    RC_ASSERT(there_and_back(Dtype::f32, rows, 16).value() == rows);

    rows = values(64, -10, 20);
    const auto q8_0 = there_and_back(Dtype::q8_0, rows, 64).value();
    for (size_t block = 0; block < rows.size(); block += 32) {
      float largest = 0;
      for (size_t i = block; i < block + 32; ++i) largest = std::max(largest, std::abs(rows[i]));
      // Half a step; and where the scale was rounded, as much for each of 127 steps.
      const float scale_error = std::max(largest / 127 * 0x1p-11F, 0x1p-25F);
      const float most = (largest / 254 + 127.5F * scale_error) * 1.0001F;
      for (size_t i = block; i < block + 32; ++i) RC_ASSERT(std::abs(q8_0[i] - rows[i]) <= most);
    }
  }));
}

TEST(ActivationCodec, SmallNumbersStaySmall) {
  const std::vector<float> tiny = {0x1p-24F, -0x1p-24F, 0x1.8p-24F, 0x1p-25F, 0x1p-26F, 0.0F, -0.0F, 1e-30F};
  EXPECT_EQ(there_and_back(Dtype::f16, tiny, 8).value(),
            (std::vector<float>{0x1p-24F, -0x1p-24F, 0x1p-23F, 0, 0, 0, -0.0F, 0}));
  const std::vector<float> subnormal = {0x1p-133F, -0x1p-133F, 0x1.8p-133F, 0x1p-149F, 1e-38F, 0, -0.0F, 3e-39F};
  const auto back = there_and_back(Dtype::bf16, subnormal, 8).value();
  for (size_t i = 0; i < subnormal.size(); ++i) EXPECT_LE(std::abs(back[i] - subnormal[i]), 0x1p-134F) << i;
  EXPECT_EQ(back[0], 0x1p-133F);
  std::vector<float> blocks(64, 1e-30F);
  EXPECT_EQ(there_and_back(Dtype::q8_0, blocks, 32).value(), std::vector<float>(64, 0.0F));
  EXPECT_EQ(there_and_back(Dtype::q8_0, std::vector<float>(32, 0.0F), 32).value(), std::vector<float>(32, 0.0F));
  blocks.assign(32, 2e-5F);  // a scale that f16 holds with few bits
  const auto few_bits = there_and_back(Dtype::q8_0, blocks, 32).value();
  for (const float value : few_bits) EXPECT_NEAR(value, 2e-5F, 127 * 0x1p-25F);
}

TEST(ActivationCodec, TiesGoToEven) {
  const std::vector<float> ties = {1 + 0x1p-8F, 1 + 3 * 0x1p-8F};
  EXPECT_EQ(there_and_back(Dtype::bf16, ties, 2).value(), (std::vector<float>{1, 1 + 0x1p-6F}));
}

TEST(ActivationCodec, WhatDoesNotFitIsRefusedWithItsRow) {
  const auto row_with = [](float value) {
    std::vector<float> rows(96, 1.0F);
    rows[70] = value;  // row 2 of three
    return rows;
  };
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::q8_0}) {
    for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
      expect_refused(there_and_back(dtype, row_with(bad), 32), "row 2 of the activations is not finite");
    }
  }
  EXPECT_TRUE(there_and_back(Dtype::f16, row_with(-65519.9F), 32));
  expect_refused(there_and_back(Dtype::f16, row_with(-65520), 32), "row 2 of the activations is too large for f16");
  EXPECT_TRUE(there_and_back(Dtype::bf16, row_with(3.38e38F), 32));
  expect_refused(there_and_back(Dtype::bf16, row_with(3.4e38F), 32), "too large for bf16; send them as f32");
  EXPECT_TRUE(there_and_back(Dtype::q8_0, row_with(127 * 65504.0F), 32));
  expect_refused(there_and_back(Dtype::q8_0, row_with(127 * 65536.0F), 32), "too large for q8_0");
}

TEST(ActivationCodec, WhatAPeerSentIsChecked) {
  std::vector<float> out(64);
  const auto decoded = [&](Dtype dtype, const std::vector<std::byte>& bytes) -> Result<std::vector<float>> {
    EXO_CHECK(decode_rows(dtype, bytes, 32, out));
    return out;
  };
  std::vector<std::byte> f16(128);
  f16[101] = std::byte{0x7C};  // infinity, in row 1
  expect_refused(decoded(Dtype::f16, f16), "row 1 of the activations is not finite");
  std::vector<std::byte> q8_0(68);
  q8_0[1] = std::byte{0x7E};  // a scale that is no number
  expect_refused(decoded(Dtype::q8_0, q8_0), "row 0 of the activations is not finite");
  std::vector<std::byte> bf16(128);
  bf16[0] = std::byte{0xC0};
  bf16[1] = std::byte{0x7F};
  expect_refused(decoded(Dtype::bf16, bf16), "row 0");
  expect_refused(decoded(Dtype::f16, std::vector<std::byte>(126)),
                 "126 bytes are not activations of 32 columns as f16");
}

TEST(ActivationCodec, ShapesThatDoNotFitAreRefused) {
  const std::vector<float> rows(64);
  std::vector<std::byte> bytes(256);
  EXPECT_EQ(encode_rows(Dtype::i32, rows, 32, bytes).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(encode_rows(Dtype::q8_0, rows, 16, bytes).error().message,
            "activations of 16 columns cannot be sent as q8_0");
  EXPECT_FALSE(encode_rows(Dtype::f32, rows, 0, bytes));
  EXPECT_FALSE(encode_rows(Dtype::f32, rows, 32, std::span(bytes).first(255)));
  EXPECT_FALSE(encode_rows(Dtype::f32, std::span(rows).first(63), 32, std::span(bytes).first(128)));
  std::vector<float> out(64);
  EXPECT_FALSE(decode_rows(Dtype::i32, bytes, 32, out));
  EXPECT_FALSE(decode_rows(Dtype::f32, bytes, 0, out));
}

}  // namespace
}  // namespace exogpu::pipeline
