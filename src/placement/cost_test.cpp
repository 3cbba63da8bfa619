#include "placement/cost.h"

#include <gtest/gtest.h>

#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::MB;

TEST(Cost, AttentionCostsMoreInLongPromptsAndLessWhereItSlides) {
  wire::ClusterView view;
  view.devices.push_back(example_device(1, 4000 * MB, 1e12));
  PlacementRequest request;
  request.serving.context = 4096;
  request.prompt = 4096;
  wire::ModelShape shape = example_shape(10);
  const auto predicted = [&] { return assign_layers(view, shape, request)->plan.predicted; };
  const wire::PredictedSpeed without = predicted();
  for (wire::LayerShape& layer : shape.layers) layer.attention_flops = 16'384;
  const wire::PredictedSpeed with = predicted();
  // 4,096 tokens that attend to 2,048 each on average, in ten layers, at 20 TFLOP/s.
  EXPECT_NEAR(with.first_token_s - without.first_token_s, 10 * 4096.0 * 2048 * 16'384 / 2e13, 1e-6);
  EXPECT_DOUBLE_EQ(with.tokens_per_s_alone, without.tokens_per_s_alone) << "of one token, weights take longer";
  for (wire::LayerShape& layer : shape.layers) layer.window = 512;
  const wire::PredictedSpeed sliding = predicted();
  EXPECT_NEAR(with.first_token_s - sliding.first_token_s,
              10 * (4096.0 * (2048 - 512) * 16'384 / 2e13 + 8 * (2048 - 512) * 1000 / 1e12), 1e-6);
  EXPECT_NEAR(1 / with.tokens_per_s_alone - 1 / sliding.tokens_per_s_alone, 10 * (2048 - 512) * 1000 / 1e12, 1e-12);
}

}  // namespace
}  // namespace exogpu::placement
