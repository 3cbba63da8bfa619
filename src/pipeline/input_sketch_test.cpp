#include "pipeline/input_sketch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/rng.h"

namespace exogpu::pipeline {
namespace {

constexpr uint32_t kWidth = 256;

// About normally distributed, with one element that is a hundred times as large, as activations have.
std::vector<float> row_of(uint64_t seed) {
  std::vector<float> row(kWidth);
  for (size_t i = 0; i < row.size(); ++i) {
    double sum = 0;
    for (size_t k = 0; k < 6; ++k) sum += random_unit(seed, 6 * i + k) - 0.5;
    row[i] = static_cast<float>(sum);
  }
  row[7] = 100;
  return row;
}

std::vector<float> disturbed(std::vector<float> row, double share, uint64_t seed) {
  for (size_t i = 0; i < row.size(); ++i) row[i] += static_cast<float>(share * (2 * random_unit(seed, i) - 1));
  return row;
}

RC_GTEST_PROP(InputSketch, RoundingChangesLittleAndAnotherRowMuch, (uint64_t seed)) {
  const std::vector<float> row = row_of(seed);
  const auto at = [&](const std::vector<float>& other) {
    return sketch_difference(project(row, seed, 3), project(other, seed, 3));
  };
  RC_ASSERT(at(row) == 0);
  RC_ASSERT(at(disturbed(row, 0.02, seed + 1)) < 0.15);
  RC_ASSERT(at(row_of(seed + 1)) > 0.3);
}

RC_GTEST_PROP(InputSketch, AScaledRowIsFoundOut, (uint64_t seed)) {
  std::vector<float> row = row_of(seed);
  const auto before = project(row, seed, 0);
  for (float& x : row) x *= 2;
  RC_ASSERT(std::fabs(sketch_difference(before, project(row, seed, 0)) - std::log(2.0)) < 1e-3);
}

TEST(InputSketch, EachSpanHasOneOfItsRows) {
  const std::vector<wire::Span> spans = {{wire::SeqId(0), 0, 3, false}, {wire::SeqId(4), 9, 1, true}};
  std::vector<float> activations;
  for (uint64_t i = 0; i < 4; ++i) {
    const std::vector<float> row = row_of(i);
    activations.insert(activations.end(), row.begin(), row.end());
  }
  std::set<uint32_t> rows;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const wire::InputSketch sketch = sketch_of(spans, activations, kWidth, seed);
    ASSERT_EQ(sketch.values.size(), 2 * wire::kSketchValues);
    const uint32_t row = sketched_row(seed, 0, 3);
    rows.insert(row);
    const auto values = std::span(sketch.values);
    EXPECT_EQ(sketch_difference(values.first(wire::kSketchValues), project(row_of(row), seed, 0)), 0);
    EXPECT_EQ(sketch_difference(values.subspan(wire::kSketchValues), project(row_of(3), seed, 1)), 0);
  }
  EXPECT_EQ(rows, (std::set<uint32_t>{0, 1, 2}));
}

TEST(InputSketch, ARowOfZerosHasASketch) {
  const std::vector<float> zeros(kWidth);
  for (const float value : project(zeros, 1, 0)) EXPECT_TRUE(std::isfinite(value));
}

TEST(InputSketch, SoHasARowThatIsNotFinite) {
  std::vector<float> row = row_of(1);
  row[3] = std::numeric_limits<float>::quiet_NaN();
  row[4] = std::numeric_limits<float>::infinity();
  for (const float value : project(row, 1, 0)) EXPECT_TRUE(std::isfinite(value));
  EXPECT_GT(sketch_difference(project(row, 1, 0), project(row_of(1), 1, 0)), 0.3);
}

}  // namespace
}  // namespace exogpu::pipeline
