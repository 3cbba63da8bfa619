#include "placement/streaming.h"

#include <gtest/gtest.h>

#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::link_all;
using testing::MB;

// Ten layers of 100 MB, with 41 MB of cache for 4,096 tokens; reading is kept 64 MiB.
constexpr Bytes kOthers = 10 * 4096 * 1000 + 64 * MiB;

wire::ClusterView one_device(Bytes memory, double stream_bytes_per_s = 1e9) {
  wire::ClusterView view;
  view.devices = {example_device(1, memory, 1e11)};
  view.devices[0].stream_bytes_per_s = stream_bytes_per_s;
  return view;
}

PlacementRequest may_stream() {
  PlacementRequest request;
  request.streams = true;
  return request;
}

TEST(StreamingPlan, OnlyWhereTheModelDoesNotFit) {
  const auto fits = assign_layers(one_device(2000 * MB), example_shape(10), may_stream());
  ASSERT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(fits->plan.stages[0].layers_streamed, 0U);
}

TEST(StreamingPlan, HasAsManyLayersInMemoryAsFitBesideTwoSlots) {
  const auto answer = assign_layers(one_device(kOthers + 600 * MB), example_shape(10), may_stream());
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->plan.stages.size(), 1U);
  const wire::Stage& stage = answer->plan.stages[0];
  EXPECT_EQ(stage.layers_streamed, 6U);
  EXPECT_EQ(stage.bytes_streamed, 600 * MB);
  EXPECT_EQ(stage.memory.weights, 600 * MB);
  EXPECT_EQ(stage.memory.total(), kOthers + 600 * MB);
  EXPECT_NEAR(answer->plan.predicted.tokens_per_s_alone, 1 / 0.6, 0.01) << "as fast as the disk";
  EXPECT_NEAR(answer->plan.predicted.first_token_s, 0.6, 0.01) << "512 tokens are one chunk";
}

TEST(StreamingPlan, IsNotFasterThanComputing) {
  const auto answer = assign_layers(one_device(kOthers + 600 * MB, 1e13), example_shape(10), may_stream());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_LT(answer->plan.predicted.tokens_per_s_alone, 100) << "10 layers of 1 ms";
  EXPECT_GT(answer->plan.predicted.tokens_per_s_alone, 90);
}

TEST(StreamingPlan, TheFasterDeviceIsTakenAndTheOtherNamed) {
  wire::ClusterView view = one_device(kOthers + 300 * MB);
  view.devices.push_back(example_device(2, kOthers + 250 * MB, 1e11));
  view.devices[1].stream_bytes_per_s = 3e9;
  link_all(view, 1e-4, 1e9);
  const auto answer = assign_layers(view, example_shape(10), may_stream());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->plan.stages[0].device, view.devices[1].id);
  ASSERT_EQ(answer->unused.size(), 1U);
  EXPECT_EQ(answer->unused[0].device, view.devices[0].id);
  view.devices[1].memory_free = 800 * MB;
  view.devices[0].memory_free = 800 * MB;
  const auto together = assign_layers(view, example_shape(10), may_stream());
  ASSERT_TRUE(together) << together.error().message;
  EXPECT_EQ(together->plan.stages.size(), 2U) << "in memory, over both";
}

TEST(StreamingPlan, IsRefusedWithoutLeaveRateOrRoom) {
  for (const auto& [memory, rate, leave] :
       {std::tuple(600 * MB, 1e9, false), {600 * MB, 0.0, true}, {199 * MB, 1e9, true}}) {
    PlacementRequest request;
    request.streams = leave;
    const auto answer = assign_layers(one_device(kOthers + memory, rate), example_shape(10), request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::out_of_memory);
  }
  PlacementRequest excluded = may_stream();
  const wire::ClusterView view = one_device(kOthers + 600 * MB);
  excluded.excluded = {view.devices[0].id};
  EXPECT_FALSE(assign_layers(view, example_shape(10), excluded));
}

}  // namespace
}  // namespace exogpu::placement
