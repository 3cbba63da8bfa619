#include "cluster/make_room.h"

#include <gtest/gtest.h>

#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;

// A model that needs both nodes.
ReplicatedState nodes_with_room() {
  ReplicatedState state;
  add(state, NodeReported{example_facts(1, 500 * MB)});
  add(state, NodeReported{example_facts(2, 500 * MB)});
  add(state, ModelSet{example_model(8)});
  return state;
}

TEST(TooLarge, OnlyPinnedModelsAreInTheWay) {
  ReplicatedState state = nodes_with_room();
  ServedModel other = example_model(8);
  other.content = "def";
  EXPECT_EQ(too_large_reason(state, other), "");
  state.models.at("abc").served.pinned = true;
  state.models.at("abc").plan.emplace();
  state.models.at("abc").plan->made.plan.stages = {
      {.device = {.node = example_id(1), .device = "gpu0"}, .layers = {0, 8}}};
  state.models.at("abc").plan->made.stage_bytes = {450 * MB};
  EXPECT_NE(too_large_reason(state, other), "");
}

// Requests for it would wait for a room that never comes.
TEST(TooLarge, ADeviceThatFailedToLoadTheModelHasNoRoomForIt) {
  ReplicatedState state = nodes_with_room();
  const ServedModel model = state.models.at("abc").served;
  EXPECT_EQ(too_large_reason(state, model), "");
  state.models.at("abc").unfit[{.node = example_id(2), .device = "gpu0"}] = "the driver failed";
  EXPECT_NE(too_large_reason(state, model), "");
  add(state, ModelRemoved{.content = "abc", .reason = "nobody waits for it"});
  EXPECT_EQ(too_large_reason(state, model), "") << "it is tried again";
}

class Yields : public ::testing::Test {
 protected:
  // "abc" has a plan with a longer context; "def" has none.
  Yields() : state_(state_with({example_facts(1, 600 * MB)}, model_with_pool(1'000'000))) {
    const auto made = plan_for(view(state_), {.term = example_term(1)});
    if (made) add(state_, *made);
    add(state_, ModelSet{model_with_pool(0, "def")});
  }
  std::vector<Yielding> in_the_way() const {
    return models_in_the_way(state_, "def", std::vector<Yielding>{{"abc", false}, {"abc", true}});
  }
  ReplicatedState state_;
};

TEST_F(Yields, TheLongerContextBeforeTheModel) {
  ASSERT_TRUE(has_longer_context(state_.models.at("abc")));
  ASSERT_NE(impossible_reason(model_view(state_, "def")), "");
  EXPECT_EQ(in_the_way(), (std::vector<Yielding>{{"abc", false}}));

  PlanMade usual = with_usual_context(state_.models.at("abc"));
  EXPECT_EQ(usual.plan.settings, state_.models.at("abc").served.settings);
  EXPECT_EQ(usual.stage_bytes, (std::vector{200 * MB + kUsualPool * Bytes{2000}}));
  usual.plan.epoch = next_epoch(state_.epoch_last, {.term = example_term(1)});
  add(state_, usual);
  EXPECT_FALSE(has_longer_context(state_.models.at("abc")));
  EXPECT_EQ(impossible_reason(model_view(state_, "def")), "");
}

TEST_F(Yields, TheModelWhereItsContextIsNotEnough) {
  ServedModel large = model_with_pool(0, "def");
  for (LayerShape& layer : large.shape.layers) layer.weight_bytes = layer.active_weight_bytes = 250 * MB;
  add(state_, ModelSet{large});
  EXPECT_EQ(in_the_way(), (std::vector<Yielding>{{"abc", true}}));
}

TEST_F(Yields, APinnedModelItsContextOnly) {
  state_.models.at("abc").served.pinned = true;
  EXPECT_EQ(too_large_reason(state_, model_with_pool(0, "def")), "");
  ServedModel large = model_with_pool(0, "def");
  for (LayerShape& layer : large.shape.layers) layer.weight_bytes = layer.active_weight_bytes = 250 * MB;
  EXPECT_NE(too_large_reason(state_, large), "");
}

}  // namespace
}  // namespace exogpu::cluster
