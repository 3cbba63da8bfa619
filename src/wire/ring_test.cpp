#include "wire/ring.h"

#include <gtest/gtest.h>

#include <limits>

#include "proto/ring.pb.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

using namespace testing;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplerSettings some_settings() {
  SamplerSettings settings;
  settings.temperature = 0.7F;
  settings.top_k = 12;
  settings.penalty_last_n = 3;
  settings.seed = UINT64_MAX;
  settings.logit_bias = {{5, -100.0F}, {9, std::numeric_limits<float>::infinity()}};
  settings.logprobs = 0;  // not the same as none
  settings.constraint = {.kind = ConstraintKind::gbnf, .text = "root ::= [a-z]+"};
  return settings;
}

Step some_step() {
  Step step{.epoch = PlanEpoch(UINT64_MAX), .stage = 2, .number = 1ULL << 40};
  step.changes.push_back(
      {.sequence = SeqId(1),
       .kind = OpenSampler{
           .settings = some_settings(), .length = 9, .recent = {1, 2, -3}, .generated = {-3}, .tokens_left = 9}});
  step.changes.push_back({.sequence = SeqId(2), .kind = Truncate{0}});
  step.changes.push_back({.sequence = SeqId(3), .kind = CopyPrefix{.from = SeqId(0), .length = 7}});
  step.changes.push_back({.sequence = SeqId(4), .kind = Place{.region = {.begin = 512, .rows = UINT32_MAX}}});
  step.spans = {{SeqId(1), 8, 1, true}, {SeqId(2), 0, 500, false}};
  step.spans.push_back({.sequence = SeqId(3), .count = 3, .sample = true, .targets = {7, -1}, .likeliest = 5});
  step.stage_us = {7, UINT32_MAX};
  step.failure = Error{ErrorCode::out_of_memory, "desk/cpu: no room"};
  return step;
}

SampledToken some_token() {
  SampledToken token{.sequence = SeqId(4), .token = 77};
  token.logprob = -0.5F;
  token.top = {{.token = 77, .logprob = -0.5F}, {.token = 3, .logprob = -std::numeric_limits<float>::infinity()}};
  return token;
}

TEST(RingMessages, RoundTrip) {
  EXPECT_EQ(decode<Step>(encode(some_step())).value(), some_step());
  EXPECT_EQ(decode<Step>(encode(Step{})).value(), Step{});
  Step replay = some_step();
  replay.spans.front().sample = false;
  replay.spans.pop_back();
  replay.resume = {.epoch = PlanEpoch(7),
                   .fresh_stages = {.begin = 1, .end = 3},
                   .tokens = {5, 0, UINT32_MAX},
                   .regions = {{}, {256, 512}}};
  replay.replay = {.begin = 0, .end = 4096};
  replay.releases = true;
  replay.sketches_wanted = true;
  replay.sketches = {{.seed = UINT64_MAX, .values = {0.5F, -2}}, {}};
  EXPECT_EQ(decode<Step>(encode(replay)).value(), replay);
  SampledToken failed{.sequence = SeqId(5)};
  failed.failure = Error{ErrorCode::invalid_argument, "top_p is 3"};
  const StepDone done{.epoch = PlanEpoch(3),
                      .number = 8,
                      .tokens = {some_token(), failed, {.sequence = SeqId(6), .embedding = {0.5F, -2}}},
                      .stage_us = {1, 2, 3},
                      .scored = {some_token()},
                      .sketches = {{.seed = 1, .values = {-1}}},
                      .failure = Error{ErrorCode::corrupt, "x"}};
  EXPECT_EQ(decode<StepDone>(encode(done)).value(), done);
  Generate generate{.epoch = PlanEpoch(9), .request = 5, .tokens = {1, 2, 3}, .prompt_tokens = 2};
  generate.sampling = some_settings();
  generate.tokens_max = 100;
  generate.end_tokens = {2, 7};
  generate.client = ClientId(0xFEDCBA9876543210);
  generate.accepted_before = true;
  generate.queue_wait_max = std::chrono::milliseconds(0);
  generate.computes_afresh = true;
  EXPECT_EQ(decode<Generate>(encode(generate)).value(), generate);
  generate.embed = true;
  generate.prompt_logprobs = 0;  // not the same as none
  generate.sampling.logprobs.reset();
  EXPECT_EQ(decode<Generate>(encode(generate)).value(), generate);
  for (const auto end :
       {GenerateEnd::end_of_text, GenerateEnd::length, GenerateEnd::context_full, GenerateEnd::cancelled}) {
    const Generated generated{.request = 4,
                              .tokens = {some_token()},
                              .end = end,
                              .prompt_reused = 12,
                              .interrupted = true,
                              .queue = {},
                              .scored = {some_token()},
                              .scored_position = 9};
    EXPECT_EQ(decode<Generated>(encode(generated)).value(), generated);
  }
  Generated refused{.request = 4, .queue = QueuePlace{.position = 7, .own = 2}};
  EXPECT_EQ(decode<Generated>(encode(refused)).value(), refused);
  refused.queue->wait = std::chrono::milliseconds(1500);
  EXPECT_EQ(decode<Generated>(encode(refused)).value(), refused);
  EXPECT_EQ(decode<Generated>(encode(Generated{.request = 1})).value(), Generated{.request = 1});
  EXPECT_EQ(decode<CancelGenerate>(encode(CancelGenerate{.request = 3})).value(), CancelGenerate{.request = 3});
}

TEST(RingMessages, WhatIsCutShortIsRefused) {
  auto bytes = encode(some_step());
  bytes.pop_back();
  expect_corrupt<Step>(bytes, "a broken step message");
  expect_corrupt<StepDone>({std::byte{0xFF}}, "a broken step done message");
  expect_corrupt<Generate>({std::byte{0xFF}}, "a broken generate message");
  expect_corrupt<Generated>({std::byte{0xFF}}, "a broken generated message");
  expect_corrupt<CancelGenerate>({std::byte{0xFF}}, "a broken cancel message");
  expect_corrupt<Step>(ByteVector(kControlBytesMax + 1), "a broken step message");
}

TEST(RingMessages, AStepOutOfBoundsIsRefused) {
  proto::Step step;
  step.add_spans();
  expect_corrupt<Step>(bytes_of(step), "a span of no tokens");
  step.mutable_spans(0)->set_count(UINT32_MAX);
  step.add_spans()->set_count(1);
  expect_corrupt<Step>(bytes_of(step), "too many tokens");
  step.Clear();
  step.add_spans()->set_count(3);
  step.mutable_spans(0)->add_targets(1);
  expect_corrupt<Step>(bytes_of(step), "scores 1 tokens of a span of 3");
  step.Clear();
  step.add_changes()->set_sequence(6);
  expect_corrupt<Step>(bytes_of(step), "changes sequence 6 in a way that is not known here");
  step.Clear();
  for (size_t i = 0; i <= kStepSpansMax; ++i) step.add_spans()->set_count(1);
  expect_corrupt<Step>(bytes_of(step), "the spans of a step: 4097 entries, at most 4096 are allowed");
  step.Clear();
  for (size_t i = 0; i <= 4 * kStepSpansMax; ++i) step.add_changes()->set_truncate(1);
  expect_corrupt<Step>(bytes_of(step), "the changes of a step");
  step.Clear();
  for (size_t i = 0; i <= kStagesMax; ++i) step.add_stage_us(1);
  expect_corrupt<Step>(bytes_of(step), "the stages of a step");
  step.Clear();
  for (size_t i = 0; i <= kPenaltyTokensMax; ++i) {
    if (i == 0) step.add_changes();
    step.mutable_changes(0)->mutable_open()->add_recent(1);
  }
  expect_corrupt<Step>(bytes_of(step), "the recent tokens of a step");
  step.Clear();
  for (size_t i = 0; i <= kStagesMax; ++i) step.add_sketches();
  expect_corrupt<Step>(bytes_of(step), "the sketches of a message");
  step.Clear();
  for (size_t i = 0; i <= kStepSpansMax * kSketchValues; ++i) {
    if (i == 0) step.add_sketches();
    step.mutable_sketches(0)->add_values(1);
  }
  expect_corrupt<Step>(bytes_of(step), "a sketch: 36865 entries");
  step.Clear();
  step.mutable_failure()->set_message(std::string(kReasonCharsMax + 1, 'x'));
  expect_corrupt<Step>(bytes_of(step), "whose text is too long");
}

TEST(RingMessages, NumbersThatAreNoneAreRefused) {
  proto::Step step;
  auto* bias = step.add_changes()->mutable_open()->mutable_sampling()->add_logit_bias();
  bias->set_value(kNan);
  expect_corrupt<Step>(bytes_of(step), "logit bias is not a number");
  step.mutable_changes(0)->mutable_open()->mutable_sampling()->set_temperature(kNan);
  expect_corrupt<Step>(bytes_of(step), "sampling is not a number");
  proto::StepDone done;
  done.add_tokens()->set_logprob(kNan);
  expect_corrupt<StepDone>(bytes_of(done), "logprob is not a number");
  done.mutable_tokens(0)->set_logprob(-1);
  done.mutable_tokens(0)->add_top()->set_logprob(kNan);
  expect_corrupt<StepDone>(bytes_of(done), "logprob is not a number");
  done.mutable_tokens(0)->clear_top();
  done.mutable_tokens(0)->add_embedding(std::numeric_limits<float>::infinity());
  expect_corrupt<StepDone>(bytes_of(done), "embedding is not finite");
  done.clear_tokens();
  done.add_sketches()->add_values(kNan);
  expect_corrupt<StepDone>(bytes_of(done), "sketch is not finite");
  done.clear_sketches();
  for (size_t i = 0; i <= kEmbeddingMax; ++i) {
    if (i == 0) done.add_tokens();
    done.mutable_tokens(0)->add_embedding(1);
  }
  expect_corrupt<StepDone>(bytes_of(done), "an embedding: 65537 entries");
}

TEST(RingMessages, ARequestOutOfBoundsIsRefused) {
  proto::Generate generate;
  expect_corrupt<Generate>(bytes_of(generate), "without tokens");
  generate.add_tokens(1);
  generate.set_prompt_tokens(2);
  expect_corrupt<Generate>(bytes_of(generate), "a prompt of 2 tokens and 1 in all");
  generate.set_prompt_tokens(1);
  for (size_t i = 0; i <= kEndTokensMax; ++i) generate.add_end_tokens(1);
  expect_corrupt<Generate>(bytes_of(generate), "the end tokens of a request");
  generate.clear_end_tokens();
  for (size_t i = 0; i <= kLogitBiasMax; ++i) generate.mutable_sampling()->add_logit_bias();
  expect_corrupt<Generate>(bytes_of(generate), "the logit bias of a message");
}

TEST(RingMessages, AnAnswerOutOfBoundsIsRefused) {
  proto::Generated generated;
  generated.set_end_plus_one(5);
  expect_corrupt<Generated>(bytes_of(generated), "ends in a way that is not known here (5)");
  generated.Clear();
  for (size_t i = 0; i <= kStepSpansMax; ++i) generated.add_tokens();
  expect_corrupt<Generated>(bytes_of(generated), "the tokens of a message");
}

TEST(RingMessages, ErrorsOfPeersAreMadePrintable) {
  proto::StepDone done;
  done.mutable_failure()->set_code("something new");
  done.mutable_failure()->set_message("\x1b[2J");
  const auto read = decode<StepDone>(bytes_of(done));
  ASSERT_TRUE(read && read->failure);
  EXPECT_EQ(read->failure->code, ErrorCode::internal);
  EXPECT_EQ(read->failure->message, "\\x1b[2J");
}

}  // namespace
}  // namespace exogpu::wire
