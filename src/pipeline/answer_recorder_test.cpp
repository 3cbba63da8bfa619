#include "pipeline/answer_recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pipeline/input_sketch.h"
#include "pipeline/testing/request_bench.h"

namespace exogpu::pipeline {
namespace {

using testing::BenchDriver;
using testing::kBenchEpoch;

// A ring of three stages, all of which say that they received this.
wire::StepDone done_of(const Work& work, wire::TokenId token) {
  wire::StepDone done{.epoch = kBenchEpoch, .number = work.step.number, .stage_us = {1, 1, 1}};
  for (const wire::Span& span : work.step.spans)
    if (span.sample) done.tokens.push_back({.sequence = span.sequence, .token = token});
  const std::vector<float> rows(work.step.rows() * 4, 1.0F);
  for (const uint64_t seed : {11, 22}) done.sketches.push_back(sketch_of(work.step.spans, rows, 4, seed));
  return done;
}

class RecordedRing {
 public:
  explicit RecordedRing(double share = 1) {
    bench_.driver.record(std::make_unique<AnswerRecorder>(
        share, 1, [this](AnswerRecord record) { records.push_back(std::move(record)); }));
  }
  RequestId ask(std::vector<wire::TokenId> prompt, uint32_t tokens) {
    Request request;
    request.tokens = std::move(prompt);
    request.tokens_max = tokens;
    return bench_.driver.generate(std::move(request), [](const TokenEvent&) {}).value();
  }
  // Until nothing is in flight; tokens are 3, 4, 5...
  void run() {
    for (wire::TokenId token = 3; done_ < bench_.begun.size(); ++done_) {
      const Work& work = bench_.begun[done_];
      EXPECT_TRUE(work.step.sketches_wanted || work.step.spans.empty());
      bench_.driver.on_done(done_of(work, token++));
    }
  }
  void cancel(RequestId id) { bench_.driver.cancel(id); }

  std::vector<AnswerRecord> records;

 private:
  BenchDriver bench_{{.stages = 3, .sequences = 4, .context = 100, .batch_tokens = 16}};
  size_t done_ = 0;
};

TEST(AnswerRecorder, AnAnswerIsRecordedWithARowOfEachStepAndStage) {
  RecordedRing ring;
  ring.ask({1, 2}, 3);
  ring.run();
  ASSERT_EQ(ring.records.size(), 1U);
  const AnswerRecord& record = ring.records.front();
  EXPECT_EQ(record.tokens, (std::vector<wire::TokenId>{1, 2, 3, 4, 5}));
  EXPECT_EQ(record.prompt_tokens, 2U);
  ASSERT_EQ(record.rows.size(), 6U);  // three steps, two stages that receive
  std::multiset<uint32_t> stages;
  for (const SketchedRow& row : record.rows) {
    stages.insert(row.stage);
    EXPECT_LT(row.position, 4U);
    EXPECT_EQ(row.values, project(std::vector<float>(4, 1.0F), row.seed, row.span));
  }
  EXPECT_EQ(stages, (std::multiset<uint32_t>{1, 1, 1, 2, 2, 2}));
}

TEST(AnswerRecorder, WhatIsCancelledIsForgotten) {
  RecordedRing ring;
  ring.cancel(ring.ask({1, 2}, 3));
  ring.ask({1, 2}, 1);
  ring.run();
  EXPECT_EQ(ring.records.size(), 1U);
}

TEST(AnswerRecorder, TheShareIsThatOfAllAnswers) {
  RecordedRing ring(0.25);
  for (int i = 0; i < 400; ++i) {
    ring.ask({1, 2}, 1);
    ring.run();
  }
  EXPECT_NEAR(static_cast<double>(ring.records.size()), 100, 30);
}

TEST(AnswerRecorder, StepsWithOtherSketchesAddNoRow) {
  std::vector<AnswerRecord> records;
  AnswerRecorder recorder(1, 1, [&](AnswerRecord record) { records.push_back(std::move(record)); });
  Request request;
  request.tokens = {1, 2};
  recorder.add(RequestId(1), request);
  wire::Step step{.number = 1};
  step.spans = {{wire::SeqId(0), 0, 2, true}};
  recorder.begun(step, {RequestId(1)});
  recorder.done({.number = 1, .sketches = {{.seed = 1, .values = {1, 2}}}});
  recorder.take(RequestId(1), {.token = wire::SampledToken{.token = 9}, .end = wire::GenerateEnd::length});
  EXPECT_TRUE(records.empty()) << "there is nothing to compare";
}

TEST(AnswerRecorder, AReplayBringsNoSketches) {
  AnswerRecorder recorder(1, 1, [](const AnswerRecord&) {});
  wire::Step step{.number = 1};
  step.spans = {{wire::SeqId(0), 0, 2, false}};
  step.replay = {.begin = 1, .end = 2};
  recorder.begun(step, {RequestId(1)});
  EXPECT_FALSE(step.sketches_wanted);
}

}  // namespace
}  // namespace exogpu::pipeline
