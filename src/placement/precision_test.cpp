#include "placement/precision.h"

#include <gtest/gtest.h>

#include "placement/testing/examples.h"
#include "placement/why.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::link_all;
using testing::MB;

// Half of the bytes of each kind.
wire::ModelShape mixed_shape() {
  wire::ModelShape shape = example_shape(10);
  shape.kinds = {{.type = "mxfp4", .use = "experts", .bytes = 500 * MB},
                 {.type = "q8_0", .use = "matrix", .bytes = 500 * MB}};
  return shape;
}

wire::DeviceProfile limited(uint8_t node, const std::string& held_as, double growth) {
  wire::DeviceProfile device = example_device(node, 2000 * MB, 1e12);
  device.limits = {{.type = "mxfp4", .use = "experts", .held_as = held_as, .growth = growth},
                   {.type = "mxfp4", .use = "batch", .held_as = {}, .growth = 1},
                   {.type = "bf16", .use = "matrix", .held_as = {}, .growth = 1}};
  return device;
}

TEST(PrecisionOf, CountsOnlyWhatTheModelHas) {
  const Precision free = precision_of(example_device(1, 1, 1), mixed_shape());
  EXPECT_EQ(free.cannot + free.converts, "");
  EXPECT_EQ(free.growth, 1);
  const Precision converts = precision_of(limited(1, "q8_0", 2), mixed_shape());
  EXPECT_EQ(converts.cannot, "");
  EXPECT_EQ(converts.converts, "mxfp4 (experts) to q8_0");
  EXPECT_EQ(converts.growth, 1.5);
  const Precision cannot = precision_of(limited(1, "", 1), mixed_shape());
  EXPECT_EQ(cannot.cannot, "mxfp4 (experts)");
  EXPECT_EQ(precision_of(limited(1, "", 1), example_shape(10)).cannot, "") << "a model of which nothing is known";
}

TEST(PrecisionOf, LeavesADeviceOutOfThePlanByName) {
  wire::ClusterView view;
  view.devices = {limited(1, "", 1), example_device(2, 2000 * MB, 1e11)};
  link_all(view, 1e-3, 1e9);
  const wire::ModelShape shape = mixed_shape();
  const auto result = assign_layers(view, shape, {});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->plan.stages.size(), 1U);
  EXPECT_EQ(result->plan.stages[0].device, view.devices[1].id) << "ten times slower, and the only one that can";
  ASSERT_EQ(result->unused.size(), 1U);
  EXPECT_EQ(result->unused[0].constraint, "precision");
  EXPECT_NE(result->unused[0].reason.find("mxfp4 (experts)"), std::string::npos) << result->unused[0].reason;

  view.devices = {limited(1, "", 1)};
  const auto none = assign_layers(view, shape, {});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("mxfp4 (experts)"), std::string::npos) << none.error().message;

  PlacementRequest by_hand;
  by_hand.fixed_layers = {{.device = view.devices[0].id, .layers = {0, 10}}};
  const auto refused = assign_layers(view, shape, by_hand);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

TEST(PrecisionOf, ADeviceThatConvertsHasRoomForLess) {
  wire::ClusterView view;
  view.devices = {limited(1, "q8_0", 2)};
  view.devices[0].memory_free = 1400 * MB;  // 1,000 of the file, 1,500 as it holds them
  const wire::ModelShape shape = mixed_shape();
  EXPECT_TRUE(assign_layers(view, shape, {}));
  EXPECT_FALSE(assign_layers(with_conversions(view, shape), shape, {}));
  view.devices[0].memory_free = 1600 * MB;
  const auto before = assign_layers(view, shape, {});
  const auto after = assign_layers(with_conversions(view, shape), shape, {});
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_LT(after->plan.predicted.tokens_per_s_alone, before->plan.predicted.tokens_per_s_alone);
  const auto verdicts = why(with_conversions(view, shape), shape, {}, *after, view.devices[0].id).value();
  const auto precision = std::ranges::find(verdicts, "precision", &Verdict::name);
  ASSERT_NE(precision, verdicts.end());
  EXPECT_TRUE(precision->allows);
  EXPECT_EQ(precision->reason, "converts mxfp4 (experts) to q8_0 when it loads them: 1.50 times the bytes of the file");
}

}  // namespace
}  // namespace exogpu::placement
