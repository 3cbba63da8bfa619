#include "placement/why.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::link_all;
using testing::MB;

const Verdict& of(const std::vector<Verdict>& verdicts, std::string_view name) {
  return *std::ranges::find(verdicts, name, &Verdict::name);
}

TEST(Why, EachConstraintSaysWhatItMakesOfADevice) {
  wire::ClusterView view;
  view.devices = {example_device(1, 2000 * MB, 1e12), example_device(2, 500 * MB, 1e11),
                  example_device(3, 50 * MB, 1e12), example_device(4, 2000 * MB, 1e12)};
  link_all(view, 1e-3, 1e9);
  std::erase_if(view.links, [&](const wire::LinkProfile& link) {
    return link.from == view.devices[3].id.node || link.to == view.devices[3].id.node;
  });
  const wire::ModelShape shape = example_shape(10);
  PlacementRequest request;
  request.excluded = {view.devices[3].id};
  const auto result = assign_layers(view, shape, request);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->plan.stages.size(), 1U);
  const auto verdicts = [&](size_t device) {
    return why(view, shape, request, *result, view.devices[device].id).value();
  };

  const auto used = verdicts(0);
  EXPECT_TRUE(std::ranges::all_of(used, &Verdict::allows));
  EXPECT_NE(of(used, "memory").reason.find("room for 10 of 10 layers"), std::string::npos) << of(used, "memory").reason;
  EXPECT_NE(of(used, "speed").reason.find("it has layers 0 to 9"), std::string::npos);

  const auto slow = verdicts(1);
  EXPECT_TRUE(std::ranges::all_of(slow, &Verdict::allows));
  EXPECT_NE(of(slow, "memory").reason.find("room for 4 of 10 layers"), std::string::npos) << of(slow, "memory").reason;
  EXPECT_NE(of(slow, "speed").reason.find("slower with it"), std::string::npos) << of(slow, "speed").reason;

  const auto small = verdicts(2);
  EXPECT_FALSE(of(small, "memory").allows);
  EXPECT_TRUE(of(small, "excluded").allows);
  EXPECT_FALSE(std::ranges::contains(small, "speed", &Verdict::name)) << "it does not matter";

  const auto excluded = verdicts(3);
  EXPECT_FALSE(of(excluded, "excluded").allows);
  EXPECT_FALSE(of(excluded, "link").allows);

  EXPECT_EQ(why(view, shape, request, *result, {.node = view.devices[0].id.node, .device = "gpu7"}).error().code,
            ErrorCode::invalid_argument);
}

TEST(Why, ASoftConstraintSaysWhenItIsGivenUp) {
  wire::ClusterView view;
  view.devices = {example_device(1, 600 * MB, 1e12), example_device(2, 600 * MB, 1e11),
                  example_device(3, 600 * MB, 1e11)};
  link_all(view, 1e-3, 1e9);
  const wire::ModelShape shape = example_shape(10);
  PlacementRequest request;
  request.rules = {{.device = view.devices[0].id, .rule = Rule::heat, .reason = "it is critically hot"},
                   {.device = view.devices[1].id, .rule = Rule::access, .reason = "its owner uses it until 18:00"}};
  request.together = {{2, 5}};
  const auto result = assign_layers(view, shape, request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->given_up, GivenUp().with(Soft::heat));
  for (const wire::Stage& stage : result->plan.stages) {
    EXPECT_TRUE(stage.layers.begin <= 2 || stage.layers.begin >= 5) << stage.layers.begin;
  }
  const auto hot = why(view, shape, request, *result, view.devices[0].id).value();
  EXPECT_TRUE(of(hot, "heat").allows);
  EXPECT_EQ(of(hot, "heat").reason, "it is critically hot; without such devices there is no plan");
  EXPECT_EQ(of(hot, "together").reason, "at 2 of 9 places layers must stay together");
  const auto reserved = why(view, shape, request, *result, view.devices[1].id).value();
  EXPECT_FALSE(of(reserved, "access").allows);
  EXPECT_EQ(result->unused[0].constraint, "access");
  for (const std::string_view name : {"excluded", "failed", "precision", "power", "battery", "memory",
                                      "memory pressure", "by hand", "host memory", "failing link", "link"})
    EXPECT_TRUE(of(reserved, name).allows) << name;
}

}  // namespace
}  // namespace exogpu::placement
