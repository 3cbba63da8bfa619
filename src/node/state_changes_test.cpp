#include "node/state_changes.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;
using enum log::Level;

constexpr wire::PlanEpoch kPlanEpoch{7};

class StateChangesTest : public ::testing::Test {
 protected:
  std::vector<StateChange> observed() { return changes_.observe(state_); }
  void add_nodes() {
    for (const uint8_t number : {1, 2}) add(state_, wire::NodeReported{example_facts(number)});
  }
  void add_plan() {
    add(state_, wire::ModelSet{example_model(4)});
    wire::PlanMade made;
    made.plan.epoch = kPlanEpoch;
    made.plan.model = "made";
    made.plan.content = "abc";
    made.plan.stages = {{.device = {.node = example_id(1), .device = "gpu0"}, .layers = {0, 2}},
                        {.device = {.node = example_id(2), .device = "gpu0"}, .layers = {2, 4}}};
    made.stage_bytes = {10, 20};
    made.unused = {
        {.device = {.node = example_id(2), .device = "cpu"}, .constraint = "speed", .reason = "slower with it"}};
    add(state_, made);
  }

  wire::ReplicatedState state_;
  StateChanges changes_{example_id(1)};
};

using Changes = std::vector<StateChange>;

TEST_F(StateChangesTest, NodesComeAndGoWithTheReason) {
  add_nodes();
  EXPECT_EQ(observed(), (Changes{{info, "node n2 is online"}}));
  EXPECT_EQ(observed(), Changes{});
  add(state_, wire::NodeLost{.node = example_id(2), .reason = "silent for 900 ms"});
  EXPECT_EQ(observed(), (Changes{{warning, "node n2 is offline: silent for 900 ms"}}));
}

TEST_F(StateChangesTest, DrainingIsReportedOnce) {
  add_nodes();
  (void)observed();
  add(state_, wire::DrainingSet{.node = example_id(1), .draining = true});
  EXPECT_EQ(observed(), (Changes{{info, "node n1 is drained: plans no longer use it"}}));
  EXPECT_EQ(observed(), Changes{});
  add(state_, wire::DrainingSet{.node = example_id(1), .draining = false});
  EXPECT_EQ(observed(), (Changes{{info, "node n1 is no longer drained: plans use it again"}}));
}

TEST_F(StateChangesTest, APlanItsStagesAndItsEnd) {
  add_nodes();
  (void)observed();
  add_plan();
  EXPECT_EQ(observed(), (Changes{{info, "plan 7 of made: n1/gpu0 layers 0-1, n2/gpu0 layers 2-3"},
                                 {info, "plan 7 does not use n2/cpu: slower with it"}}));
  add(state_, wire::StageReported{.epoch = kPlanEpoch, .stage = 0, .phase = wire::StagePhase::loading, .failure = {}});
  EXPECT_EQ(observed(), (Changes{{info, "n1/gpu0, made: loading"}}));
  add(state_,
      wire::StageReported{.epoch = kPlanEpoch, .stage = 1, .phase = wire::StagePhase::failed, .failure = "no memory"});
  EXPECT_EQ(observed(), (Changes{{error, "n2/gpu0 failed at its part of made: no memory"}}));
  add(state_, wire::PlanEnded{.content = "abc", .epoch = kPlanEpoch, .reason = "a stage failed"});
  EXPECT_EQ(observed(), (Changes{{info, "there is no plan for made: a stage failed"}}));
  add(state_, wire::ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  EXPECT_EQ(observed(), (Changes{{info, "made is no longer served"}}));
}

TEST_F(StateChangesTest, ALinkThatPlansAvoid) {
  add_nodes();
  (void)observed();
  const auto link = wire::pair_of(example_id(1), example_id(2));
  add(state_, wire::LinkUse{.link = link, .avoided = true});
  EXPECT_EQ(observed(), (Changes{{warning, "plans avoid the link between n1 and n2, which broke again"}}));
  add(state_, wire::LinkUse{.link = link, .avoided = false});
  EXPECT_EQ(observed(), (Changes{{info, "plans use the link between n1 and n2 again"}}));
}

}  // namespace
}  // namespace exogpu::node
