#include "pipeline/step_machine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/testing/fake_model.h"

namespace exogpu::pipeline {
namespace {

using testing::ExpectedAnswer;
using testing::FakeCompute;
using testing::FakeModel;
using wire::SeqId;
using Tokens = std::vector<wire::TokenId>;

constexpr uint32_t kStages = 3;
constexpr FakeModel kModel{.layers = kStages};
constexpr wire::PlanEpoch kBefore{1}, kNow{2};

StepMachine machine(uint32_t stage, RetainedStage from = {}) {
  if (!from.compute) {
    from.compute = std::make_unique<FakeCompute>(kModel, wire::LayerRange{stage, stage + 1}, 2, 8);
  }
  return {std::move(from), {.index = stage, .name = "n/gpu0", .sent_bytes_max = size_t{1} << 20}};
}

// A step that computes these tokens of sequence 0 and samples behind them.
StageInput first_input(wire::PlanEpoch epoch, uint64_t number, uint32_t position, const Tokens& tokens) {
  wire::Step step{.epoch = epoch, .number = number};
  step.spans = {{SeqId(0), position, static_cast<uint32_t>(tokens.size()), true}};
  return {.step = std::move(step), .tokens = tokens, .activations = {}};
}

StageInput next_input(StageOutput output) {
  auto& forwarded = std::get<ForwardedStep>(output);
  return {.step = std::move(forwarded.step), .tokens = {}, .activations = std::move(forwarded.activations)};
}

class ThreeStages : public ::testing::Test {
 protected:
  // Through all stages, `from` on.
  wire::StepDone run(StageInput input, uint32_t from = 0) {
    for (uint32_t stage = from; stage + 1 < kStages; ++stage) input = next_input(stages_[stage].run(std::move(input)));
    return std::get<wire::StepDone>(stages_.back().run(std::move(input)));
  }
  // A ring with the prompt resident, of which the first token is sampled.
  void begin() {
    StageInput input = first_input(kBefore, 1, 0, prompt_);
    wire::OpenSampler open;
    open.length = 3;
    input.step.changes = {{.sequence = SeqId(0), .kind = open}};
    const auto done = run(std::move(input));
    ASSERT_FALSE(done.failure) << done.failure->message;
    ASSERT_EQ(done.tokens.size(), 1U);
    EXPECT_EQ(done.tokens[0].token, expected_.next());
  }
  StageInput resuming(wire::StageRange fresh, uint32_t tokens) {
    StageInput input{.step = {.epoch = kNow, .number = 1}, .tokens = {}, .activations = {}};
    input.step.resume = {.epoch = kBefore, .fresh_stages = fresh, .tokens = {tokens, 0}};
    return input;
  }

  Tokens prompt_{5, 6, 7};
  ExpectedAnswer expected_{kModel, 0, prompt_};
  std::vector<StepMachine> stages_ = [] {
    std::vector<StepMachine> stages;
    for (uint32_t i = 0; i < kStages; ++i) stages.push_back(machine(i));
    return stages;
  }();
};

TEST(StepMachineDeathTest, AStepAfterTheReleaseIsReported) {
  StepMachine one = machine(0);
  EXPECT_NE(one.release().compute, nullptr);
  EXPECT_DEATH(one.run(first_input(kNow, 1, 0, {5})), "step_machine.cpp:[0-9]+: no step follows release");
}

TEST(StepMachine, AStageThatIsLostSaysSoInPlaceOfItsStep) {
  auto compute = std::make_unique<FakeCompute>(kModel, wire::LayerRange{0, 1}, 2, 8);
  FakeCompute& fake = *compute;
  StepMachine one = machine(0, {.compute = std::move(compute)});
  fake.fails = Error{ErrorCode::unavailable, "the device failed"};
  EXPECT_TRUE(std::holds_alternative<ForwardedStep>(one.run(first_input(kNow, 1, 0, {5}))));
  fake.gone = Error{ErrorCode::unavailable, "member 1 of the group is gone"};
  const StageOutput output = one.run(first_input(kNow, 2, 0, {5}));
  ASSERT_TRUE(std::holds_alternative<StageLost>(output));
  EXPECT_EQ(std::get<StageLost>(output).why.message, "n/gpu0: member 1 of the group is gone");
}

TEST_F(ThreeStages, AllGiveMemoryBackWhenAStepSaysSo) {
  begin();
  StageInput input{.step = {.epoch = kBefore, .number = 2}, .tokens = {}, .activations = {}};
  input.step.changes = {{.sequence = SeqId(0), .kind = wire::Truncate{0}}};
  input.step.releases = true;
  EXPECT_FALSE(run(std::move(input)).failure);
  for (StepMachine& stage : stages_) {
    const auto compute = stage.release().compute;
    EXPECT_EQ(dynamic_cast<FakeCompute&>(*compute).released, 1U);
    EXPECT_EQ(compute->length(SeqId(0)), 0U);
  }
}

TEST_F(ThreeStages, ComputeWhatTheWholeModelDoes) {
  begin();
  wire::TokenId token = ExpectedAnswer(kModel, 0, prompt_).next();
  for (uint32_t i = 0; i < 4; ++i) {
    const auto done = run(first_input(kBefore, 2 + i, 3 + i, {token}));
    ASSERT_EQ(done.tokens.size(), 1U);
    token = expected_.next();
    EXPECT_EQ(done.tokens[0].token, token);
  }
}

TEST_F(ThreeStages, SketchWhatTheyReceiveWhereThatIsWanted) {
  begin();
  StageInput input = first_input(kBefore, 2, 3, {1, 2});
  input.step.sketches_wanted = true;
  const auto done = run(std::move(input));
  ASSERT_EQ(done.sketches.size(), kStages - 1);
  for (const wire::InputSketch& sketch : done.sketches) EXPECT_EQ(sketch.values.size(), wire::kSketchValues);
  EXPECT_TRUE(run(first_input(kBefore, 3, 5, {1})).sketches.empty());
}

TEST_F(ThreeStages, ChangeSequencesInAFailedStepButComputeNothing) {
  begin();
  StageInput input = first_input(kBefore, 2, 3, {1});
  input.step.changes = {{.sequence = SeqId(0), .kind = wire::Truncate{1}}};
  input.step.failure = Error{ErrorCode::unavailable, "the device failed"};
  StageOutput output = stages_[0].run(std::move(input));
  EXPECT_TRUE(std::get<ForwardedStep>(output).activations.empty());
  const auto done = run(next_input(std::move(output)), 1);
  EXPECT_EQ(done.failure->message, "the device failed");
  EXPECT_TRUE(done.tokens.empty());
  for (StepMachine& stage : stages_) EXPECT_EQ(stage.release().compute->length(SeqId(0)), 1U);
}

TEST_F(ThreeStages, ResumeTheCachesOfTheRingThatIsNamed) {
  begin();
  const auto done = run(resuming({3, 3}, 2));
  EXPECT_FALSE(done.failure);
  for (StepMachine& stage : stages_) {
    RetainedStage remains = stage.release();
    EXPECT_EQ(remains.compute->length(SeqId(0)), 2U);
    EXPECT_EQ(remains.epoch, kNow);
  }
}

TEST_F(ThreeStages, FailWhereMoreIsResumedThanIsThere) {
  begin();
  const auto done = run(resuming({3, 3}, 4));
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->code, ErrorCode::failed_precondition);
  EXPECT_EQ(done.failure->message, "n/gpu0: the KV cache of the previous ring is no longer resident");
}

TEST_F(ThreeStages, ResumeNothingOfAnotherRing) {
  begin();
  StageInput input = resuming({3, 3}, 2);
  input.step.resume->epoch = wire::PlanEpoch(9);
  EXPECT_TRUE(run(std::move(input)).failure);
  for (StepMachine& stage : stages_) EXPECT_EQ(stage.release().compute->length(SeqId(0)), 0U);
}

// Only the stage that was lost computes; the one before it sends what it had sent.
TEST_F(ThreeStages, ReplayToAFreshStage) {
  begin();
  stages_[1] = machine(1);
  StageInput input = resuming({1, 2}, 3);
  input.step.replay = wire::StageRange{1, 2};
  input.step.spans = {{SeqId(0), 0, 3, false}};
  StageOutput sent = stages_[0].run(std::move(input));
  EXPECT_EQ(std::get<ForwardedStep>(sent).activations.floats().size(), 3 * FakeCompute::kActivationWidth);
  StageOutput from_fresh = stages_[1].run(next_input(std::move(sent)));
  EXPECT_TRUE(std::get<ForwardedStep>(from_fresh).activations.empty());
  EXPECT_FALSE(std::get<wire::StepDone>(stages_[2].run(next_input(std::move(from_fresh)))).failure);
  const wire::TokenId token = ExpectedAnswer(kModel, 0, prompt_).next();
  const auto done = run(first_input(kNow, 2, 3, {token}));
  ASSERT_FALSE(done.failure) << done.failure->message;
  EXPECT_EQ(done.tokens[0].token, expected_.next());
}

TEST_F(ThreeStages, FailAReplayOfRowsThatAreNotRetained) {
  begin();
  RetainedStage remains = stages_[0].release();
  remains.sent = SentRows(remains.sent.row_bytes(), size_t{1} << 20);
  stages_[0] = machine(0, std::move(remains));
  stages_[1] = machine(1);
  StageInput input = resuming({1, 2}, 3);
  input.step.replay = wire::StageRange{1, 2};
  input.step.spans = {{SeqId(0), 0, 3, false}};
  const auto done = run(std::move(input));
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->message, "n/gpu0: the activations for a lost stage are no longer retained");
}

TEST_F(ThreeStages, RefuseActivationsThatAreNotOfTheirStep) {
  StageInput input = next_input(stages_[0].run(first_input(kBefore, 1, 0, prompt_)));
  input.step.spans[0].count = 2;
  EXPECT_EQ(std::get<ForwardedStep>(stages_[1].run(std::move(input))).step.failure->code, ErrorCode::corrupt);
  StageInput large = next_input(stages_[0].run(first_input(kBefore, 1, 0, prompt_)));
  large.step.spans[0].count = 9;
  EXPECT_EQ(std::get<ForwardedStep>(stages_[1].run(std::move(large))).step.failure->code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace exogpu::pipeline
