#include "placement/cost.h"

#include <gtest/gtest.h>

#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::link_all;
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

// Ten layers of 0.1 ms for each token of a prompt, half of them on each of two devices.
TEST(Cost, SeveralStagesCutAPromptIntoTheBestChunks) {
  wire::ClusterView view;
  for (const uint8_t node : {1, 2}) view.devices.push_back(example_device(node, 600 * MB, 1e11));
  link_all(view, 1e-6, 1e12);
  PlacementRequest request;
  request.serving.context = 1024;
  request.prompt = 512;
  const wire::ModelShape shape = example_shape(10);
  const auto predicted = [&] { return assign_layers(view, shape, request)->plan.predicted.first_token_s; };
  EXPECT_NEAR(predicted(), (8 + 1) * 5 * 64 * 1e-4, 1e-3) << "eight chunks of 64 tokens";
  for (wire::DeviceProfile& device : view.devices) device.fixed_columns = 512;
  EXPECT_NEAR(predicted(), 2 * 5 * 512 * 1e-4, 1e-3) << "where small products cost nearly as much as large ones: whole";
  request.serving.batch_tokens = 100;
  const double six_chunks = (6 + 1) * 5 * (512 / 6.0 + 512) / 2 * 1e-4;
  EXPECT_NEAR(predicted(), six_chunks, 1e-3) << "no more than fits into a step";
}

}  // namespace
}  // namespace exogpu::placement
