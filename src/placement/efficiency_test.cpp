#include "placement/efficiency.h"

#include <gtest/gtest.h>

#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::link_all;
using testing::MB;

wire::DeviceProfile device(uint8_t node, double bytes_per_s, double watts) {
  wire::DeviceProfile profile = example_device(node, 5000 * MB, bytes_per_s);
  profile.active_w = watts;
  return profile;
}

PlacementRequest efficiency() {
  PlacementRequest request;
  request.serving.objective = wire::Objective::efficiency;
  return request;
}

std::string devices_of(const wire::Plan& plan) {
  std::string names;
  for (const wire::Stage& stage : plan.stages)
    names += (names.empty() ? "n" : ",n") + std::to_string(stage.device.node.bytes()[0]);
  return names;
}

// A fast one that draws 300 W, one with two thirds of its speed that draws 60 W, and a slow one that draws 5 W.
wire::ClusterView three() {
  wire::ClusterView view;
  view.devices = {device(1, 9e11, 300), device(2, 6e11, 60), device(3, 1e11, 5)};
  link_all(view, 0.1e-3, 1e9);
  return view;
}

TEST(Efficiency, TheLeastEnergyAboveTheFloorOfSpeedIsChosen) {
  const auto fast = assign_layers(three(), example_shape(10), {}).value();
  EXPECT_EQ(devices_of(fast.plan), "n1");
  EXPECT_NEAR(fast.plan.predicted.joules_per_token, 300 / fast.plan.predicted.tokens_per_s_alone, 1e-6);
  const auto frugal = assign_layers(three(), example_shape(10), efficiency()).value();
  EXPECT_EQ(devices_of(frugal.plan), "n2") << "the slow one takes least, and is too slow";
  EXPECT_LT(frugal.plan.predicted.joules_per_token, fast.plan.predicted.joules_per_token / 3);
  EXPECT_GE(frugal.plan.predicted.tokens_per_s_alone, 0.5 * fast.plan.predicted.tokens_per_s_alone);
  ASSERT_EQ(frugal.unused.size(), 2U);
  EXPECT_TRUE(frugal.unused[0].reason.starts_with("faster ")) << frugal.unused[0].reason;
  EXPECT_TRUE(frugal.unused[0].reason.ends_with("; the plan is for efficiency")) << frugal.unused[0].reason;
}

TEST(Efficiency, ADeviceWhosePowerIsNotKnownCountsAsTheOneThatDrawsMost) {
  wire::ClusterView view = three();
  view.devices[1].active_w = 0;
  EXPECT_EQ(devices_of(assign_layers(view, example_shape(10), efficiency())->plan), "n1");
  for (wire::DeviceProfile& each : view.devices) each.active_w = 0;
  const auto plan = assign_layers(view, example_shape(10), efficiency())->plan;
  EXPECT_EQ(devices_of(plan), "n1") << "the fastest";
  EXPECT_EQ(plan.predicted.joules_per_token, 0);
}

TEST(Efficiency, TheSlowDeviceTakesAsManyLayersAsTheFloorAllows) {
  wire::ClusterView view;
  view.devices = {device(1, 9e11, 300), device(3, 1e11, 5)};
  link_all(view, 0.1e-3, 1e9);
  const double fastest = assign_layers(view, example_shape(10), {})->plan.predicted.tokens_per_s_alone;
  const auto frugal = assign_layers(view, example_shape(10), efficiency())->plan;
  EXPECT_GE(frugal.predicted.tokens_per_s_alone, 0.5 * fastest);
}

}  // namespace
}  // namespace exogpu::placement
