#include "gpu/layouts/check.h"

#include <gtest/gtest.h>

#include <limits>

#include "gpu/testing/device.h"

namespace exogpu::gpu {
namespace {

TEST(LayoutNames, OfACaseAreReadAsTheyAreWritten) {
  for (const WeightShape shape : kWeightShapes) {
    const LayoutCase which{.layout = "CPU_REPACK", .type = "q4_K", .shape = shape};
    const auto read = layout_case(to_string(which));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, which);
  }
  for (const char* bad : {"", "/", "//", "AMX", "AMX/q4_K", "AMX/q4_K/circle", "matrix"})
    EXPECT_FALSE(layout_case(bad)) << bad;
}

TEST(LayoutCompare, AllowsRoundingAndNothingElse) {
  const std::vector<double> expected = {1, -2, 3, -4};
  EXPECT_EQ(compare(expected, {1, -2, 3, -4}, 0).state, LayoutState::right);
  EXPECT_EQ(compare(expected, {1.001F, -2, 3, -4}, 1e-6).state, LayoutState::right);
  EXPECT_EQ(compare(expected, {1.1F, -2, 3, -4}, 1e-6).state, LayoutState::wrong);
  EXPECT_EQ(compare(expected, {1, -2, 3}, 1).state, LayoutState::wrong);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    EXPECT_EQ(compare(expected, {1, -2, 3, bad}, 1e9).reason, "gives values that are not finite");
}

using CheckingLayouts = OnEachBackend;

// A software renderer compiles each kernel of a product for many seconds: only one that looks up is tried there.
std::vector<LayoutCase> cases_to_try(const Device& device) {
  if (device.info().software) return cases_of(device, "q8_0", WeightShape::rows);
  std::vector<LayoutCase> all;
  for (const char* type : {"f32", "f16", "bf16", "q8_0", "q4_K", "q6_K", "mxfp4"}) {
    for (const WeightShape shape : kWeightShapes)
      for (LayoutCase& which : cases_of(device, type, shape)) all.push_back(std::move(which));
  }
  return all;
}

// What ggml has no kernel for is unsupported. What it is known to compute wrongly are packed layouts of other shapes.
TEST_P(CheckingLayouts, ThoseOfThisMachineAreRight) {
  int right = 0;
  const std::string plain = layouts_of(*device_).back().name;
  for (const LayoutCase& which : cases_to_try(*device_)) {
    if (which.layout != plain && which.shape != WeightShape::matrix) continue;
    bool prepared = false;
    const LayoutVerdict verdict = check_layout(*device_, which, [&] { prepared = true; });
    EXPECT_TRUE(verdict.state == LayoutState::right || verdict.state == LayoutState::unsupported)
        << to_string(which) << ": " << verdict.reason;
    EXPECT_EQ(prepared, verdict.state == LayoutState::right) << to_string(which);
    right += verdict.state == LayoutState::right ? 1 : 0;
  }
  EXPECT_GE(right, device_->info().software ? 1 : 20);
}

TEST_P(CheckingLayouts, AnUnknownLayoutOrTypeIsNoFault) {
  EXPECT_EQ(check_layout(*device_, {.layout = "PAPER", .type = "q4_K"}).state, LayoutState::unknown);
  const std::string plain = layouts_of(*device_).back().name;
  EXPECT_EQ(check_layout(*device_, {.layout = plain, .type = "q9_Z"}).state, LayoutState::unknown);
  EXPECT_EQ(check_layout(*device_, {.layout = plain, .type = "q4_K", .shape = WeightShape::short_rows}).state,
            LayoutState::unsupported);
}

INSTANTIATE_TEST_SUITE_P(Backends, CheckingLayouts, testing::Values("CPU", "Vulkan"), backend_name);

}  // namespace
}  // namespace exogpu::gpu
