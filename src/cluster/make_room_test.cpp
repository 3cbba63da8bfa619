#include "cluster/make_room.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace exogpu::cluster
