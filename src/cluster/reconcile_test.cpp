#include "cluster/reconcile.h"

#include <gtest/gtest.h>

#include "cluster/plan_for.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;
using std::chrono::seconds;

class Reconcile : public ::testing::Test {
 protected:
  Reconcile() {
    add(state, NodeReported{example_facts(1, 500 * MB)});
    add(state, NodeReported{example_facts(2, 500 * MB)});
    add(state, ModelSet{example_model(8)});
    replan();
    local.self = only(state).plan->made.plan.stages[0].device.node;
  }
  void replan() {
    const auto event = plan_for(
        view(state),
        {.term = example_term(1), .epoch_max = local.epoch_last, .lost_epoch = state.epoch_last < local.epoch_last});
    ASSERT_TRUE(event);
    add(state, *event);
    ASSERT_TRUE(only(state).plan) << only(state).no_plan_reason;
  }
  Action next() const { return next_action(view(state), local, true, now); }
  // Performs each next action until there is none.
  std::vector<Act> work() {
    std::vector<Act> acts;
    while (acts.size() < 20) {
      const Action action = next();
      if (action.act == Act::none || action.act == Act::serve || action.act == Act::drain) {
        if (action.act != Act::none) acts.push_back(action.act);
        return acts;
      }
      acts.push_back(action.act);
      if (action.act == Act::accept_plan) {
        accept_plan(local, only(state).plan->made.plan);
      } else if (action.act == Act::adopt) {
        adopt(local, only(state).plan->made.plan);
      } else if (action.act == Act::unload) {
        unload(local);
      } else {
        LocalStage& stage = local.stages.at(action.stage);
        stage.progress = static_cast<StageReadiness>(static_cast<int>(stage.progress) + 1);
      }
    }
    return acts;
  }
  void all_ready() {
    for (uint32_t i = 0; i < only(state).plan->stages.size(); ++i) {
      add(state, StageReported{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
    }
  }

  ReplicatedState state;
  LocalPlan local;
  Time now{};
};

TEST_F(Reconcile, ARemainingNodeRetainsItsShardWhenANodeIsLost) {
  add(state, NodeReported{example_facts(3, 500 * MB)});
  work();
  all_ready();
  const StagePlan before = only(state).plan->made.plan;
  const NodeId lost = before.stages[1].device.node;
  ASSERT_NE(lost, local.self);
  add(state, NodeLost{.node = lost, .reason = "silent"});
  replan();
  const StagePlan& plan = only(state).plan->made.plan;
  ASSERT_EQ(plan.stages.size(), 2U);
  EXPECT_EQ(plan.stages[0], before.stages[0]);
  EXPECT_EQ(plan.stages[1].layers, before.stages[1].layers);
  EXPECT_EQ(plan.stages[1].device.node, example_id(3));
  EXPECT_EQ(work(), (std::vector{Act::adopt, Act::connect, Act::warm}));
  LocalPlan spare;
  spare.self = example_id(3);
  EXPECT_EQ(next_action(view(state), spare, true, now).act, Act::accept_plan);
}

TEST_F(Reconcile, FromNothingToServing) {
  EXPECT_EQ(next_action(view(state), local, false, now).act, Act::none) << "nobody is obeyed";
  EXPECT_EQ(work(), (std::vector{Act::accept_plan, Act::fetch, Act::load, Act::connect, Act::warm}));
  EXPECT_NE(next().why.find("waiting for n"), std::string::npos) << next().why;
  EXPECT_EQ(status_of(local).at(0).phase, StagePhase::ready);
  all_ready();
  EXPECT_EQ(next().act, Act::serve);
  local.acting = true;
  EXPECT_EQ(next().act, Act::none) << "one thing after the other";
}

TEST_F(Reconcile, FailuresAreRetriedAndThenGivenUp) {
  work();
  LocalStage& stage = local.stages.at(0);
  stage = {.progress = StageReadiness::fetched, .failures = 1, .failed_at = now, .failure = "n1/gpu0: out of memory"};
  const Action waits = next();
  EXPECT_EQ(waits.act, Act::none);
  EXPECT_EQ(waits.retry_at, now + back_off(1));
  EXPECT_EQ(waits.why, "retrying loading: n1/gpu0: out of memory");
  now += back_off(1);
  EXPECT_EQ(next().act, Act::load);
  EXPECT_LT(back_off(1), back_off(2));
  EXPECT_EQ(back_off(100), seconds(8));
  stage.failures = kFailuresMax;
  now += seconds(100);
  EXPECT_EQ(next().why, "failed: n1/gpu0: out of memory");
  EXPECT_EQ(status_of(local).at(0), (StageStatus{.phase = StagePhase::failed, .failure = "n1/gpu0: out of memory"}));
  stage = {.progress = StageReadiness::nothing, .failures = 1, .failure = "the file is corrupt", .permanent = true};
  EXPECT_EQ(status_of(local).at(0).phase, StagePhase::failed);
}

TEST_F(Reconcile, WeightsThatNoNodeHasAreReportedAfterAWhileAndLookedForFurther) {
  work();
  LocalStage& stage = local.stages.at(0);
  stage = {.progress = StageReadiness::nothing,
           .failures = kMissingReported - 1,
           .failed_at = now,
           .failure = "no node has it",
           .missing = true};
  EXPECT_EQ(status_of(local).at(0), (StageStatus{.phase = StagePhase::fetching, .failure = {}}));
  stage.failures = kFailuresMax - 1;
  EXPECT_EQ(status_of(local).at(0), (StageStatus{.phase = StagePhase::fetching, .failure = "no node has it"}));
  now += back_off(kFailuresMax);
  EXPECT_EQ(next().act, Act::fetch) << "one may come online at any time";
}

TEST_F(Reconcile, AnUnchangedShardIsRetained) {
  work();
  all_ready();
  // The same again, as after a ring that broke.
  add(state, PlanEnded{.content = "abc", .epoch = state.epoch_last, .reason = "the ring broke"});
  local.memory_needed = true;
  EXPECT_EQ(next().act, Act::unload) << "another model needs the memory";
  local.memory_needed = false;
  EXPECT_EQ(next().act, Act::none) << "what is loaded waits for the next plan";
  replan();
  EXPECT_EQ(work(), (std::vector{Act::adopt, Act::connect, Act::warm}));
  EXPECT_EQ(local.plan->epoch, state.epoch_last);
}

TEST_F(Reconcile, APartThatChangesIsUnloadedBeforeAnythingIsLoaded) {
  work();
  ServedModel other = example_model(8);
  other.settings.context = 2048;
  add(state, ModelSet{other});
  replan();
  EXPECT_EQ(work(), (std::vector{Act::unload, Act::accept_plan, Act::fetch, Act::load, Act::connect, Act::warm}));
  add(state, ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  EXPECT_EQ(next().act, Act::unload);
}

TEST_F(Reconcile, RequestsInFlightEndBeforeAShardIsFreed) {
  work();
  all_ready();
  local.busy = true;
  ServedModel other = example_model(8);
  other.settings.context = 2048;
  add(state, ModelSet{other});
  replan();
  EXPECT_EQ(next().act, Act::drain);
  local.draining_since = now;
  EXPECT_EQ(next().act, Act::none);
  EXPECT_EQ(next().retry_at, now + kDrainMax);
  local.busy = false;
  EXPECT_EQ(next().act, Act::unload);
  local.busy = true;
  now += kDrainMax;
  EXPECT_EQ(next().act, Act::unload) << "not for ever";
  // A ring that has lost a stage cannot end anything.
  local.draining_since.reset();
  add(state, NodeLost{.node = local.plan->stages[1].device.node, .reason = "silent"});
  EXPECT_EQ(next().act, Act::unload);
}

TEST_F(Reconcile, AnOlderPlanIsNotTakenOn) {
  local.epoch_last = PlanEpoch(state.epoch_last.value() + 1);
  EXPECT_EQ(next().act, Act::refuse);
  replan();
  EXPECT_EQ(next().act, Act::accept_plan);
}

}  // namespace
}  // namespace exogpu::cluster
