#include "cluster/serving_speeds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cluster/plan_for.h"
#include "cluster/plan_input.h"
#include "cluster/plan_search.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;
using std::chrono::hours;
using std::chrono::seconds;

// A device whose stages take what another profile says.
struct Serving {
  DeviceProfile profile = example_facts(1).info.devices.front();
  DeviceProfile truth = profile;
  ServedModel model = example_model(8);
  ServingSpeeds speeds;
  double share = 1;
  Time now{};

  double takes(const StepTime& step) const {
    placement::PlacementRequest request;
    request.serving = model.settings;
    const ClusterView view{.devices = {truth}, .links = {}};
    const placement::CostModel cost(view, model.shape, request);
    double sum = cost.step_s(0);
    for (uint32_t l = step.layers.begin; l < step.layers.end; ++l) sum += cost.layer_s(0, l, step.work);
    return sum;
  }
  void serve(double tokens, size_t steps, double slower = 1) {
    StepTime step{.layers = {0, 4}, .work = {.tokens = tokens, .kv_tokens = 500, .outputs = 1}};
    step.took_s = slower * takes(step);
    const std::vector<StepTime> times(steps, step);
    speeds.add(profile, model, share, times, now);
  }
  // Some minutes of it.
  void keep_serving(double tokens, double slower) {
    for (int i = 0; i < 80; ++i) {
      serve(tokens, SpeedRatio::kSteps, slower);
      now += seconds(20);
    }
  }
  const std::vector<MeasuredSpeed>& report() {
    now += kSpeedsEvery;
    return speeds.update(now);
  }
  DeviceProfile corrected() {
    DeviceProfile device = profile;
    correct(device, report(), model);
    return device;
  }
};

constexpr double kChunk = 512;

TEST(ServingSpeeds, AWrongProfileConvergesToTheTruth) {
  Serving node;
  node.truth.rates[0].matvec_bytes_per_s /= 2;
  node.truth.memory_bytes_per_s /= 2;
  node.truth.rates[0].matmul_flops_per_s *= 1.5;
  node.serve(1, SpeedRatio::kSteps);
  node.serve(kChunk, SpeedRatio::kSteps);
  const DeviceProfile now = node.corrected();
  EXPECT_NEAR(now.rates[0].matvec_bytes_per_s / node.truth.rates[0].matvec_bytes_per_s, 1, 0.01);
  EXPECT_NEAR(now.rates[0].matmul_flops_per_s / node.truth.rates[0].matmul_flops_per_s, 1, 0.01);
  EXPECT_NEAR(now.memory_bytes_per_s / node.truth.memory_bytes_per_s, 1, 0.01);
}

// What others take is not the profile's.
TEST(ServingSpeeds, WhatOtherProgramsUseIsNoMistakeOfTheProfile) {
  Serving node;
  node.share = 0.6;
  node.serve(1, SpeedRatio::kSteps, 1 / 0.6);
  EXPECT_TRUE(node.report().empty());
  node.keep_serving(1, 2 / 0.6);
  EXPECT_NEAR(node.report()[0].percent.few, 50, 1);
}

TEST(ServingSpeeds, ItFollowsADeviceThatChanges) {
  Serving node;
  node.serve(1, SpeedRatio::kSteps);
  EXPECT_TRUE(node.report().empty());
  node.keep_serving(1, 2);
  EXPECT_NEAR(node.corrected().rates[0].matvec_bytes_per_s, node.profile.rates[0].matvec_bytes_per_s / 2, 1e9);
}

TEST(ServingSpeeds, FewStepsAndOutliersDoNothing) {
  Serving node;
  node.serve(1, SpeedRatio::kSteps - 1, 3);
  EXPECT_TRUE(node.report().empty()) << "too few";
  Serving other;
  for (int i = 0; i < 10; ++i) {
    other.serve(1, SpeedRatio::kSteps - 4);
    other.serve(1, 4, i % 2 == 0 ? 50 : 0.02);
  }
  EXPECT_TRUE(other.report().empty());
}

TEST(ServingSpeeds, NothingIsReportedInTheFirstHalfMinute) {
  Serving node;
  node.serve(1, 10 * SpeedRatio::kSteps, 2);
  node.now += kSpeedsEvery - seconds(1);
  EXPECT_TRUE(node.speeds.update(node.now).empty());
  EXPECT_FALSE(node.speeds.update(node.now + seconds(1)).empty());
  node.serve(kChunk, SpeedRatio::kSteps, 2);
  EXPECT_EQ(node.speeds.update(node.now + seconds(2))[0].percent.many, 100U) << "nor in that after a change";
  EXPECT_EQ(node.speeds.update(node.now + seconds(31))[0].percent.many, 50U);
}

// Of a device that has served for some time: the next game on it moves no layers in the first seconds.
TEST(ServingSpeeds, AShortDisturbanceIsLittle) {
  Serving node;
  node.keep_serving(1, 1);
  for (int i = 0; i < 10; ++i) {
    node.now += seconds(1);
    node.serve(1, SpeedRatio::kSteps, 1.3);
  }
  EXPECT_TRUE(node.speeds.update(node.now).empty());
}

TEST(ServingSpeeds, WhatAStepOfSomeTokensTakesTellsNothing) {
  Serving node;
  // 100 MB at 1e11 B/s are as long as 10 tokens of 2e8 FLOPs at 2e12.
  node.serve(10, 100, 3);
  EXPECT_TRUE(node.report().empty());
}

TEST(ServingSpeeds, WhatWasMeasuredIsForgotten) {
  Serving node;
  node.serve(1, SpeedRatio::kSteps, 2);
  ASSERT_EQ(node.report().size(), 1U);
  EXPECT_EQ(node.report()[0].percent.few, 50U);
  node.now += SpeedRatio::kForget;
  EXPECT_NEAR(node.report()[0].percent.few, 71, 1);
  node.now += hours(24 * 7);
  EXPECT_TRUE(node.report().empty());
}

TEST(ServingSpeeds, IsBounded) {
  Serving node;
  node.serve(1, SpeedRatio::kSteps, 1e6);
  EXPECT_EQ(node.report()[0].percent.few, MeasuredPercent::kMin);
  node.serve(kChunk, SpeedRatio::kSteps, 1e-6);
  EXPECT_EQ(node.report()[0].percent.many, MeasuredPercent::kMax);
}

TEST(ServingSpeeds, SmallChangesAreNotReported) {
  Serving node;
  node.serve(1, SpeedRatio::kSteps, 1.04);
  EXPECT_TRUE(node.report().empty());
  node.keep_serving(1, 1.25);
  EXPECT_EQ(node.report()[0].percent.few, 80U);
  node.keep_serving(1, 1.29);
  EXPECT_EQ(node.report()[0].percent.few, 80U);
  node.keep_serving(1, 2);
  EXPECT_NEAR(node.report()[0].percent.few, 50, 1);
}

TEST(ServingSpeeds, PeopleAreToldOfAProfileThatIsFarOff) {
  const std::vector<MeasuredSpeed> speeds = {{.device = "cpu", .type = "q4_K", .percent = {.few = 60, .many = 70}},
                                             {.device = "gpu0", .type = "f16", .percent = {.few = 140, .many = 151}}};
  EXPECT_EQ(mismatch_of("cpu", speeds),
            "measured at 0.6 of its profile's rate while serving (steps of answers, q4_K weights)");
  EXPECT_EQ(mismatch_of("gpu0", speeds),
            "measured at 1.5 of its profile's rate while serving (steps of prompts, f16 weights)");
  EXPECT_EQ(mismatch_of("gpu1", speeds), "");
}

// Matrices of other sizes: one model runs at half of its profile's rate, another of the same weight type at all of it.
TEST(ServingSpeeds, EachModelHasItsOwn) {
  Serving node;
  node.serve(1, SpeedRatio::kSteps, 2);
  node.model.content = "another";
  node.serve(1, SpeedRatio::kSteps);
  const double profiled = node.profile.rates[0].matvec_bytes_per_s;
  const auto corrected = [&](const std::string& content) {
    node.model.content = content;
    return node.corrected().rates[0].matvec_bytes_per_s / profiled;
  };
  EXPECT_NEAR(corrected("another"), 1, 0.01);
  EXPECT_NEAR(corrected(example_model(8).content), 0.5, 0.01);
  EXPECT_NEAR(corrected("not served yet"), std::sqrt(0.5), 0.01) << "the mean of both";
}

// Another weight type's speed is not known by this one's.
TEST(ServingSpeeds, OnlyTheTypeThatWasMeasuredIsCorrected) {
  Serving node;
  node.profile.rates.push_back(
      {.type = "f16", .bits_per_weight = 16, .matvec_bytes_per_s = 1e11, .matmul_flops_per_s = 1e12});
  node.serve(1, SpeedRatio::kSteps, 2);
  node.model.shape.bits_per_weight = 16;
  EXPECT_EQ(node.corrected(), node.profile);
}

// Node 1 claims to be the fastest, and is not.
TEST(ServingSpeeds, TheNextPlanKnows) {
  ReplicatedState state;
  add(state, NodeReported{example_facts(1, 2000 * MB, 2e11)});
  add(state, NodeReported{example_facts(2, 2000 * MB, 1.5e11)});
  add(state, ModelSet{example_model(8)});
  const PlanContext idle{.term = example_term(1), .idle = true, .epoch_max = {}};
  add(state, plan_for(view(state), idle).value());
  const auto used = [&] { return only(state).plan->made.plan.stages.front().device.node; };
  ASSERT_EQ(used(), example_id(1));
  add(state, StageReported{.epoch = state.epoch_last, .stage = 0, .phase = StagePhase::ready, .failure = {}});
  const PredictedSpeed before = speed_now(view(state));
  ConditionReported reported{.node = example_id(1), .condition = {}};
  reported.condition.speeds = {{.device = "gpu0", .type = "q4_K", .percent = {.few = 50}}};
  EXPECT_TRUE(affects_plans(state, reported));
  add(state, reported);
  EXPECT_FALSE(affects_plans(state, reported)) << "reported before";
  EXPECT_NEAR(speed_now(view(state)).tokens_per_s_alone, before.tokens_per_s_alone / 2, 1);
  add(state, plan_for(view(state), idle).value());
  EXPECT_EQ(used(), example_id(2));
  EXPECT_FALSE(plan_for(view(state), idle)) << "and back";
}

// Two nodes with a model of eight layers, and the links between them.
struct Ring {
  ServedModel model = example_model(8);
  StagePlan plan;
  ReplicatedState state;
  LinkSpeeds speeds;
  Time now{};

  Ring() {
    plan.stages = {{.device = {example_id(1), "gpu0"}, .layers = {0, 4}},
                   {.device = {example_id(2), "gpu0"}, .layers = {4, 8}}};
    for (const uint8_t node : {1, 2}) {
      NodeFacts facts = example_facts(node);
      facts.info.links = {{.from = example_id(node), .to = example_id(3 - node), .delay_s = 1e-3, .bytes_per_s = 1e8}};
      add(state, NodeReported{facts});
    }
    add(state, ModelSet{model});
  }
  ClusterView planned() const { return view_of(view(state), {example_id(1), example_id(2)}); }
  void trips(double tokens, double between_s, size_t count = SpeedRatio::kSteps) {
    const std::vector<TripTime> all(count, {.tokens = tokens, .between_s = between_s});
    speeds.add(profiles_of(view(state), {example_id(1), example_id(2)}), model, plan, all, now);
    now += kSpeedsEvery;
    ConditionReported reported{.node = example_id(1), .condition = {}};
    reported.condition.links = speeds.update(now);
    add(state, reported);
  }
};

// 512 rows of 1,024 values are 1 or 2 MB, 10 or 20 ms of these links.
TEST(LinkSpeeds, ALinkThatIsSlowerThanItsProfileIsSlowerInPlans) {
  Ring ring;
  ring.trips(1, 2e-3);
  EXPECT_NEAR(ring.planned().links[0].delay_s, 1e-3, 0.1e-3) << "as predicted";
  for (int i = 0; i < 60; ++i) ring.trips(1, 6e-3);
  for (const LinkProfile& link : ring.planned().links) EXPECT_NEAR(link.delay_s, 3e-3, 0.2e-3);
  const double bytes = 512.0 * static_cast<double>(row_bytes(ring.plan.settings.activations, 1024).value());
  ring.trips(512, 6e-3 + bytes / 5e7, SpeedRatio::kSteps);
  for (const LinkProfile& link : ring.planned().links) EXPECT_NEAR(link.bytes_per_s, 5e7, 5e6);
}

TEST(LinkSpeeds, AnOutlierDoesNothing) {
  Ring ring;
  for (int i = 0; i < 10; ++i) {
    ring.trips(1, 2e-3, SpeedRatio::kSteps - 1);
    ring.trips(1, 1, 1);
  }
  EXPECT_NEAR(ring.planned().links[0].delay_s, 1e-3, 0.1e-3);
}

TEST(LinkSpeeds, OfTwoNodesThatMeasuredALinkTheSlowestCounts) {
  Ring ring;
  for (const uint8_t node : {1, 2}) {
    ConditionReported reported{.node = example_id(node), .condition = {}};
    reported.condition.links = {
        {.from = example_id(1), .to = example_id(2), .percent = {.few = node == 1 ? 50U : 80U, .many = 100}}};
    add(ring.state, reported);
  }
  for (const LinkProfile& link : ring.planned().links)
    EXPECT_DOUBLE_EQ(link.delay_s, link.from == example_id(1) ? 2e-3 : 1e-3);
  add(ring.state, NodeLost{.node = example_id(1), .reason = "silent"});
  const auto now = view_of(view(ring.state), {example_id(1), example_id(2)});
  EXPECT_DOUBLE_EQ(now.links[0].delay_s, 1e-3 / 0.8);
}

}  // namespace
}  // namespace exogpu::cluster
