#include "node/plan_preview.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"
#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using cluster::testing::add;
using cluster::testing::example_facts;
using cluster::testing::example_model;
using cluster::testing::MB;
using exogpu::testing::expect_error;

// Three nodes of 500 MB each; a layer of the models has 100 MB.
wire::ReplicatedState three_nodes() {
  wire::ReplicatedState state;
  for (uint8_t node = 1; node <= 3; ++node) add(state, wire::NodeReported{example_facts(node, 500 * MB)});
  return state;
}

wire::ServedModel other_model() {
  wire::ServedModel model = example_model(8);
  model.model = model.shape.name = "other";
  model.content = "def";
  return model;
}

uint32_t layers_of(const PreviewPlan& plan) {
  uint32_t sum = 0;
  for (const PreviewStage& stage : plan.stages) sum += stage.layers.end - stage.layers.begin;
  return sum;
}

TEST(PlanPreview, PredictsAPlanForAModelThatIsNotLoaded) {
  const auto preview = preview_plan(three_nodes(), example_model(8), {.model = "made"});
  ASSERT_TRUE(preview) << preview.error().message;
  EXPECT_EQ(preview->model, "made");
  EXPECT_EQ(preview->layers, 8U);
  EXPECT_EQ(preview->plan.stages.size(), 2U);
  EXPECT_EQ(layers_of(preview->plan), 8U);
  EXPECT_GT(preview->plan.predicted.tokens_per_s_alone, 0);
  EXPECT_TRUE(preview->plan.stages.front().node.starts_with("n"));
  EXPECT_GT(preview->plan.stages.front().memory.weights, 0U);
  EXPECT_EQ(preview->unused.size(), 1U);
  EXPECT_FALSE(preview->unused.front().reason.empty());
  EXPECT_TRUE(preview->makes_room.empty());
}

TEST(PlanPreview, FollowsACutByHand) {
  const auto preview =
      preview_plan(three_nodes(), example_model(8), {.model = "made", .layers = "n2/gpu0:0-3,n1/gpu0:4-7"});
  ASSERT_TRUE(preview) << preview.error().message;
  ASSERT_EQ(preview->plan.stages.size(), 2U);
  EXPECT_EQ(preview->plan.stages[0].node, "n2");
  EXPECT_EQ(preview->plan.stages[0].layers, (wire::LayerRange{0, 4}));
  const auto uneven =
      preview_plan(three_nodes(), example_model(8), {.model = "made", .layers = "n2/gpu0:0-6,n1/gpu0:7-7"});
  expect_error(uneven, ErrorCode::out_of_memory, "n2");
}

TEST(PlanPreview, DoesWithoutDevicesAndSaysWhatIsMissing) {
  const PreviewRequest one{.model = "made", .without = std::vector<std::string>{"n1/gpu0"}};
  const auto preview = preview_plan(three_nodes(), example_model(8), one);
  ASSERT_TRUE(preview) << preview.error().message;
  for (const PreviewStage& stage : preview->plan.stages) EXPECT_NE(stage.node, "n1");
  const PreviewRequest two{.model = "made", .without = std::vector<std::string>{"n1/gpu0", "n2/gpu0"}};
  expect_error(preview_plan(three_nodes(), example_model(8), two), ErrorCode::out_of_memory, "memory");
}

TEST(PlanPreview, SettingsChangeWhatIsNeeded) {
  const auto small = preview_plan(three_nodes(), example_model(4), {.model = "made", .context = 128});
  const auto large = preview_plan(three_nodes(), example_model(4), {.model = "made", .context = 8192, .sequences = 4});
  ASSERT_TRUE(small && large);
  EXPECT_LT(small->plan.stages.front().memory.cache, large->plan.stages.front().memory.cache);
  EXPECT_EQ(large->settings.sequences, 4U);
}

TEST(PlanPreview, TheSpeedIsForTheTextThatIsAskedFor) {
  const auto speed = [](std::optional<uint32_t> prompt, std::optional<uint32_t> context) {
    const PreviewRequest request{.model = "made", .prompt_tokens = prompt, .context_tokens = context};
    return preview_plan(three_nodes(), example_model(4), request).value().plan.predicted;
  };
  EXPECT_GT(speed(64, {}).first_token_s, 0);
  EXPECT_LT(speed(64, {}).first_token_s, speed(1024, {}).first_token_s);
  EXPECT_GT(speed({}, 16).tokens_per_s_alone, speed({}, 4000).tokens_per_s_alone);
  const auto too_long = preview_plan(three_nodes(), example_model(4), {.model = "made", .prompt_tokens = 1U << 30});
  expect_error(too_long, ErrorCode::invalid_argument, "does not fit a context");
}

TEST(PlanPreview, ModelsMakeRoomUnlessTheyArePinned) {
  for (const bool pinned : {false, true}) {
    wire::ReplicatedState state = three_nodes();
    wire::ServedModel served = example_model(8);
    served.pinned = pinned;
    add(state, wire::ModelSet{served});
    const auto plan = cluster::plan_for(cluster::model_view(state, "abc"),
                                        {.term = cluster::testing::example_term(1), .epoch_max = {}});
    ASSERT_TRUE(plan);
    add(state, *plan);
    const auto preview = preview_plan(state, other_model(), {.model = "other"});
    EXPECT_EQ(preview.has_value(), !pinned);
    if (!preview) continue;
    EXPECT_EQ(preview->makes_room, std::vector<std::string>{"made"});
  }
}

}  // namespace
}  // namespace exogpu::node
