#include "node/serving_gate.h"

#include <gtest/gtest.h>

#include "node/testing/planned_state.h"
#include "node/testing/tiny_file.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;
using namespace std::chrono_literals;
using Notes = std::vector<std::string>;

class ServingGateTest : public ::testing::Test {
 protected:
  ServingGateTest() {
    const testing::TinyFile file("llama");
    encoder_ = {.encoder = PromptEncoder::load(file.gguf()).value(), .error = {}};
  }
  void update() { gate_.update(state_, {}, encoder_, now_); }
  void all_ready() {
    for (const uint32_t stage : {0U, 1U}) testing::set_phase(state_, stage, wire::StagePhase::ready);
  }
  std::string refusal() {
    const auto serving = generations_.serving();
    return serving ? "" : serving.error().message;
  }

  cluster::Time now_{1h};
  wire::ReplicatedState state_ = testing::planned_state();
  EncoderStatus encoder_;
  Notes notes_;
  Generations generations_{{.post = [](auto) {}, .in_background = [](auto) {}, .wait = 5s}};
  ServingGate gate_{"abc", generations_, [this](const std::string& text) { notes_.push_back(text); }};
};

TEST_F(ServingGateTest, ServesWhenAllStagesAreReady) {
  update();
  EXPECT_FALSE(gate_.serving());
  EXPECT_EQ(refusal(), "n1/gpu0 is waiting for its part of the model");
  all_ready();
  update();
  EXPECT_EQ(gate_.serving(), testing::kPlannedEpoch);
  ASSERT_TRUE(generations_.serving());
  EXPECT_EQ(generations_.serving()->model, "made");
  EXPECT_EQ(generations_.serving()->context, 4096U);
  update();
  EXPECT_EQ(notes_, Notes{"serving made"});
}

TEST_F(ServingGateTest, NeedsTheTokenizerOfThisModel) {
  all_ready();
  const EncoderStatus whole = std::exchange(encoder_, {});
  update();
  EXPECT_EQ(refusal(), "this node is getting the model's tokenizer");
  encoder_ = {.encoder = nullptr, .error = Error{ErrorCode::unsupported, "no tokenizer"}};
  update();
  EXPECT_EQ(refusal(), "no tokenizer");
  encoder_ = whole;
  update();
  EXPECT_EQ(refusal(), "");
}

TEST_F(ServingGateTest, AModelThatIsRemovedIsNotServedAndMayComeBack) {
  all_ready();
  update();
  const wire::ReplicatedState before = state_;
  add(state_, wire::ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  update();
  EXPECT_FALSE(gate_.serving());
  EXPECT_EQ(refusal(), cluster::kNotServed);
  EXPECT_TRUE(generations_.expected()) << "another leader may know of it";
  state_ = before;
  update();
  EXPECT_TRUE(gate_.serving());
}

TEST_F(ServingGateTest, WithoutAPlanRequestsWaitForTheNextOneFirst) {
  all_ready();
  update();
  only(state_).plan.reset();
  only(state_).no_plan_reason = "out of memory: 3 GB are missing";
  update();
  EXPECT_FALSE(gate_.serving());
  EXPECT_EQ(refusal(), "out of memory: 3 GB are missing");
  EXPECT_TRUE(generations_.expected());
  now_ += ServingGate::kPlanTime + 4999ms;
  update();
  EXPECT_TRUE(generations_.expected());
  now_ += 1ms;
  update();
  EXPECT_FALSE(generations_.expected());
  EXPECT_EQ(notes_, (Notes{"serving made", "out of memory: 3 GB are missing"}));
}

TEST_F(ServingGateTest, APlanThatNoNodeHasTheWeightsForCountsAsNone) {
  all_ready();
  update();
  only(state_).plan->made.plan.epoch = wire::PlanEpoch(8);
  only(state_).plan->stages[1] = {.phase = wire::StagePhase::fetching, .failure = "n2/gpu0: no connected node has it"};
  update();
  EXPECT_EQ(refusal(), "n2/gpu0: no connected node has it; waiting for a node that has it");
  EXPECT_TRUE(generations_.expected());
  now_ += ServingGate::kPlanTime + 5s;
  update();
  EXPECT_FALSE(generations_.expected());
}

TEST_F(ServingGateTest, TheNextPlanStartsTheWaitAgain) {
  all_ready();
  update();
  const auto plan = std::exchange(only(state_).plan, std::nullopt);
  update();
  now_ += 1min;
  only(state_).plan = plan;
  only(state_).plan->made.plan.epoch = wire::PlanEpoch(8);
  update();
  EXPECT_EQ(gate_.serving(), wire::PlanEpoch(8));
  only(state_).plan.reset();
  update();
  EXPECT_TRUE(generations_.expected());
}

}  // namespace
}  // namespace exogpu::node
