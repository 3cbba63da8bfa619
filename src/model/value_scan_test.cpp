#include "model/value_scan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace exogpu::model {
namespace {

template <typename T>
NonFinite scan(TensorType type, const std::vector<T>& values) {
  return find_non_finite(type, std::as_bytes(std::span(values)));
}

TEST(ValueScan, CountsNanAndInfinityInPlainElements) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  auto f32 = scan<float>(TensorType::f32, {0, 1e38F, kInf, -kInf, -0.0F, NAN});
  EXPECT_EQ(f32.count, 3u);
  EXPECT_EQ(f32.first, 2u);
  auto f64 = scan<double>(TensorType::f64, {1e308, 0, 0, kNan});
  EXPECT_EQ(f64.count, 1u);
  EXPECT_EQ(f64.first, 3u);
  auto f16 = scan<uint16_t>(TensorType::f16, {0x7BFF, 0x3C00, 0xFC00, 0x7E01});
  EXPECT_EQ(f16.count, 2u);
  EXPECT_EQ(f16.first, 2u);
  auto bf16 = scan<uint16_t>(TensorType::bf16, {0x7F7F, 0x7F80, 0x7C00});
  EXPECT_EQ(bf16.count, 1u);
  EXPECT_EQ(bf16.first, 1u);
  EXPECT_EQ(scan<float>(TensorType::f32, {1, 2, 3}).count, 0u);
  EXPECT_EQ(scan<int32_t>(TensorType::i32, {-1, 0x7F800000}).count, 0u);
}

TEST(ValueScan, FindsTheBlockWhoseScaleIsBad) {
  std::vector<std::byte> data(10 * 34);
  uint16_t nan = 0x7E00;
  std::memcpy(data.data() + 7 * 34, &nan, 2);
  std::memcpy(data.data() + 9 * 34, &nan, 2);
  std::memcpy(data.data() + 3 * 34 + 2, &nan, 2);  // two quants, which may have any value
  NonFinite found = find_non_finite(TensorType::q8_0, data);
  EXPECT_EQ(found.count, 2u);
  EXPECT_EQ(found.first, 7u * 32);
}

TEST(ValueScan, FormatsWithoutADecoder) {
  std::vector<std::byte> q8_k(292), q8_1(36);
  EXPECT_EQ(find_non_finite(TensorType::q8_k, q8_k).count, 0u);
  float inf = std::numeric_limits<float>::infinity();
  std::memcpy(q8_k.data(), &inf, 4);
  EXPECT_EQ(find_non_finite(TensorType::q8_k, q8_k).count, 1u);
  uint16_t nan = 0x7E00;
  std::memcpy(q8_1.data() + 2, &nan, 2);
  EXPECT_EQ(find_non_finite(TensorType::q8_1, q8_1).count, 1u);
}

}  // namespace
}  // namespace exogpu::model
