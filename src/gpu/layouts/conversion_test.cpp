#include "gpu/layouts/conversion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "gpu/layouts/book.h"
#include "gpu/layouts/limits.h"
#include "gpu/testing/device.h"

namespace exogpu::gpu {
namespace {

constexpr size_t kRow = 256;
constexpr size_t kRows = 8;

std::vector<float> floats_of(ggml_type type, std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / ggml_type_size(type) * static_cast<size_t>(ggml_blck_size(type)));
  if (type == GGML_TYPE_F32) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  } else {
    ggml_get_type_traits(type)->to_float(bytes.data(), values.data(), static_cast<int64_t>(values.size()));
  }
  return values;
}

std::vector<std::byte> room_for(ggml_type type) { return std::vector<std::byte>(ggml_row_size(type, kRow) * kRows); }

// Random blocks, whose values are of very different sizes, but numbers that the other types have.
std::vector<std::byte> blocks_of(ggml_type type, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes = room_for(type);
  for (std::span<std::byte> rest(bytes); !rest.empty(); rest = rest.subspan(ggml_type_size(type))) {
    const auto block = rest.first(ggml_type_size(type));
    const auto fits = [](float value) { return std::abs(value) < 1e6F; };
    do {
      std::ranges::generate(block, [&] { return static_cast<std::byte>(random() & 0xff); });
    } while (!std::ranges::all_of(floats_of(type, block), fits));
  }
  return bytes;
}

float largest(std::span<const float> values) {
  float most = 0;
  for (const float value : values) most = std::max(most, std::abs(value));
  return most;
}

TEST(Conversion, OfEachQuantisedTypeKeepsItsBound) {
  int types = 0;
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto from = static_cast<ggml_type>(i);
    if (!ggml_is_quantized(from) || conversions_of(from).empty()) continue;
    ++types;
    for (uint32_t seed = 1; seed <= 4; ++seed) {
      const auto in = blocks_of(from, seed);
      auto out = room_for(GGML_TYPE_Q8_0);
      const auto converted = convert_rows(from, in, GGML_TYPE_Q8_0, out, kRow);
      ASSERT_TRUE(converted) << ggml_type_name(from) << ": " << converted.error().message;
      const auto before = floats_of(from, in);
      const auto after = floats_of(GGML_TYPE_Q8_0, out);
      for (size_t at = 0; at < before.size(); ++at) {
        const float bound = largest(std::span(before).subspan(at / 32 * 32, 32)) / 253 + 0x1p-25F;
        ASSERT_LE(std::abs(after[at] - before[at]), bound) << ggml_type_name(from) << " at " << at;
      }
    }
  }
  EXPECT_GE(types, 18);
}

// All of a block of MXFP4 are multiples of its scale, with every scale that F16 has; beyond them the bound holds.
TEST(Conversion, OfMxfp4IsExactForEveryScaleOfF16) {
  for (int exponent = 0; exponent < 255; ++exponent) {
    std::vector<std::byte> in = room_for(GGML_TYPE_MXFP4);
    std::mt19937 random(static_cast<uint32_t>(exponent));
    for (size_t at = 0; at < in.size(); ++at)
      in[at] = static_cast<std::byte>(at % 17 == 0 ? static_cast<uint32_t>(exponent) : random() & 0xff);
    auto out = room_for(GGML_TYPE_Q8_0);
    const auto before = floats_of(GGML_TYPE_MXFP4, in);
    const auto converted = convert_rows(GGML_TYPE_MXFP4, in, GGML_TYPE_Q8_0, out, kRow);
    const int scale = exponent - 128;  // its power of two
    if (scale > 19) {
      ASSERT_FALSE(converted) << exponent;
      EXPECT_EQ(converted.error().code, ErrorCode::unsupported);
      continue;
    }
    if (scale > 15) continue;  // by what the block holds
    ASSERT_TRUE(converted) << exponent << ": " << converted.error().message;
    const auto after = floats_of(GGML_TYPE_Q8_0, out);
    if (scale >= -24) {
      EXPECT_EQ(after, before) << exponent;
    } else {
      for (size_t at = 0; at < before.size(); ++at) ASSERT_LE(std::abs(after[at] - before[at]), 0x1p-25F) << exponent;
    }
  }
}

// Of every number that BF16 has.
TEST(Conversion, OfBf16IsExactRoundedOrRefusedByValue) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const ggml_bf16_t value{static_cast<uint16_t>(bits)};
    const float exact = ggml_bf16_to_fp32(value);
    ggml_fp16_t half = 0;
    const auto converted = convert_rows(GGML_TYPE_BF16, std::as_bytes(std::span(&value, 1)), GGML_TYPE_F16,
                                        std::as_writable_bytes(std::span(&half, 1)), 1);
    if (!std::isfinite(exact) || std::abs(exact) > 65504) {
      ASSERT_FALSE(converted) << exact;
      EXPECT_NE(converted.error().message.find(std::format("{}", exact)), std::string::npos);
      continue;
    }
    ASSERT_TRUE(converted) << exact;
    const float error = std::abs(ggml_fp16_to_fp32(half) - exact);
    ASSERT_LE(error, std::abs(exact) >= 0x1p-14F ? 0 : 0x1p-25F) << exact;
    float whole = 0;
    ASSERT_TRUE(convert_rows(GGML_TYPE_BF16, std::as_bytes(std::span(&value, 1)), GGML_TYPE_F32,
                             std::as_writable_bytes(std::span(&whole, 1)), 1));
    ASSERT_EQ(whole, exact);
  }
}

TEST(Conversion, OfAValueThatIsNoNumberIsRefused) {
  std::vector<std::byte> in = blocks_of(GGML_TYPE_Q4_0, 1);
  const ggml_fp16_t nothing = 0x7e00;
  std::memcpy(in.data(), &nothing, sizeof(nothing));  // the scale of the first block
  auto out = room_for(GGML_TYPE_Q8_0);
  EXPECT_FALSE(convert_rows(GGML_TYPE_Q4_0, in, GGML_TYPE_Q8_0, out, kRow));
}

// A book by which the processor computes nothing of these types rightly.
Device without(const std::set<std::string>& types) {
  Device device = test_device("CPU").value();
  const auto check = [types](const Device&, std::span<const LayoutCase> cases) {
    std::vector<LayoutVerdict> verdicts;
    for (const LayoutCase& which : cases)
      verdicts.push_back({types.contains(which.type) ? LayoutState::wrong : LayoutState::right, "made up"});
    return verdicts;
  };
  auto book = std::make_shared<LayoutBook>(std::filesystem::path(), check);
  for (const std::string& type : types)
    for (const WeightShape shape : kWeightShapes) (void)book->check(device, cases_of(device, type, shape));
  device.set_layouts(book);
  return device;
}

TEST(TypeLimits, NameTheTypeThatTakesTheOthersPlaceOrNone) {
  const auto of = [](const std::set<std::string>& types, const char* type, WeightShape shape) {
    return limit_of(without(types), type, shape);
  };
  EXPECT_EQ(of({}, "bf16", WeightShape::matrix), std::nullopt);
  EXPECT_EQ(of({"bf16"}, "bf16", WeightShape::matrix)->held_as, "f16");
  EXPECT_EQ(of({"bf16", "f16"}, "bf16", WeightShape::matrix)->held_as, "f32");
  EXPECT_EQ(of({"bf16", "f16"}, "bf16", WeightShape::matrix)->growth, 2);
  EXPECT_EQ(of({"mxfp4"}, "mxfp4", WeightShape::experts)->held_as, "q8_0");
  EXPECT_EQ(of({"mxfp4"}, "mxfp4", WeightShape::experts)->growth, 2);
  EXPECT_EQ(of({"mxfp4", "q8_0"}, "mxfp4", WeightShape::experts)->held_as, "");
  EXPECT_EQ(of({"f32"}, "f32", WeightShape::matrix)->held_as, "");
}

TEST(TypeLimits, OfAProcessorAreThoseOfItsBook) {
  const auto usual = type_limits(test_device("CPU").value());
  const auto limited = type_limits(without({"bf16"}));
  EXPECT_EQ(limited.size(), usual.size() + 3) << "matrices, experts and batches";
  for (const TypeLimit& limit : usual) EXPECT_TRUE(limit.held_as.empty() || limit.held_as == "q8_0") << limit.type;
}

}  // namespace
}  // namespace exogpu::gpu
