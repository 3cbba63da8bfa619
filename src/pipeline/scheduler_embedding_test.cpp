// Texts to embed, and prompts whose tokens are scored, in the scheduler and the stages of a fake model.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "pipeline/testing/scheduler_bench.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

struct Results {
  std::vector<wire::SampledToken> scored;
  std::vector<float> embedding;
  size_t tokens = 0;
  uint32_t reused = 0;
  std::optional<Error> failure;
};

FakeModel model_of(const ScheduleOptions& options) {
  return {.layers = options.stages, .vocabulary = kBenchVocabulary, .embeds = options.embeds};
}

// Runs a scheduler's steps through the stages of a fake model, as many in flight as it begins.
class Fakes {
 public:
  explicit Fakes(const ScheduleOptions& options) : scheduler(wire::PlanEpoch(1), options), options_(options) {
    for (uint32_t i = 0; i < options.stages; ++i) {
      auto compute = std::make_unique<FakeCompute>(model_of(options), wire::LayerRange{i, i + 1}, options.sequences,
                                                   options.batch_tokens);
      stages_.push_back(std::make_unique<StepMachine>(RetainedStage{.compute = std::move(compute)},
                                                      StageOptions{.index = i, .name = "fake"}));
    }
  }
  void run() {
    for (std::deque<wire::StepDone> in_flight;;) {
      while (auto work = scheduler.next()) {
        scored_most = std::max(scored_most, scored_of(work->step));
        rows_most = std::max<uint64_t>(rows_most, work->step.rows());
        in_flight.push_back(compute(*std::move(work)));
      }
      if (in_flight.empty()) return;
      std::vector<RequestEvent> events;
      if (tamper) tamper(in_flight.front());
      scheduler.done(in_flight.front(), events);
      in_flight.pop_front();
      for (const auto& [id, event] : events) receive(results[id.value()], event);
    }
  }

  Scheduler scheduler;
  std::map<uint64_t, Results> results;
  std::function<void(wire::StepDone&)> tamper;
  size_t scored_most = 0;
  uint64_t rows_most = 0;

 private:
  static size_t scored_of(const wire::Step& step) {
    size_t scored = 0;
    for (const wire::Span& span : step.spans) scored += span.targets.size();
    return scored;
  }
  wire::StepDone compute(Work work) {
    StageInput input{.step = std::move(work.step), .tokens = std::move(work.tokens), .activations = {}};
    for (uint32_t i = 0;; ++i) {
      StageOutput output = stages_[i]->run(std::move(input));
      if (auto* done = std::get_if<wire::StepDone>(&output)) return std::move(*done);
      auto& forwarded = std::get<ForwardedStep>(output);
      input = {.step = std::move(forwarded.step), .tokens = {}, .activations = std::move(forwarded.activations)};
    }
  }
  static void receive(Results& into, const TokenEvent& event) {
    if (!event.scored.empty()) {
      EXPECT_EQ(event.scored_position, into.scored.size() + 1);
      EXPECT_EQ(into.tokens, 0U) << "a token came before its prompt";
    }
    into.scored.insert(into.scored.end(), event.scored.begin(), event.scored.end());
    if (event.token) {
      into.embedding = event.token->embedding;
      into.tokens += 1;
    }
    into.reused = event.prompt_reused;
    into.failure = event.failure;
  }

  ScheduleOptions options_;
  std::vector<std::unique_ptr<StepMachine>> stages_;
};

Request embedding_of(const Tokens& tokens) {
  return {.tokens = tokens, .sampling = {}, .tokens_max = 1, .end_tokens = {}, .embed = true};
}

// The rows of a prompt behind all layers of the model.
std::vector<FakeCompute::Row> rows_of(const FakeModel& model, const Tokens& prompt) {
  FakeCompute whole(model, {0, model.layers}, 1, 1);
  std::vector<FakeCompute::Row> rows;
  for (const wire::TokenId token : prompt) rows.push_back(whole.advance(wire::SeqId(0), FakeCompute::embed(token)));
  return rows;
}

TEST(SchedulerOfEmbeddings, EachTextComesInOneStepAndIsComputedAfresh) {
  const ScheduleOptions options{
      .stages = 2, .sequences = 3, .context = 200, .batch_tokens = 100, .embeds = true, .whole_texts = true};
  Fakes fakes(options);
  std::map<uint64_t, Tokens> texts;
  for (uint64_t i = 0; i < 20; ++i) {
    texts[i] = prompt_of(i % 3 == 0 ? 100 : 7 + static_cast<uint32_t>(i), i % 2 == 0 ? 1 : 2);
    ASSERT_TRUE(fakes.scheduler.add(RequestId(i), embedding_of(texts[i])));
  }
  fakes.run();
  EXPECT_LE(fakes.rows_most, 100U);
  for (const auto& [id, text] : texts) {
    EXPECT_EQ(fakes.results[id].failure, std::nullopt);
    EXPECT_EQ(fakes.results[id].embedding, FakeCompute::embedding(rows_of(model_of(options), text).back())) << id;
    EXPECT_EQ(fakes.results[id].reused, 0U);
  }
  EXPECT_TRUE(fakes.scheduler.idle());
}

TEST(SchedulerOfEmbeddings, WhatTheModelDoesNotGiveIsRefused) {
  Fakes fakes({.sequences = 1, .context = 200, .batch_tokens = 100, .embeds = true, .whole_texts = true});
  const auto refusal = [](Fakes& by, Request request) {
    const auto added = by.scheduler.add(RequestId(1), std::move(request));
    return added ? Error{} : added.error();
  };
  const Error long_text = refusal(fakes, embedding_of(prompt_of(101)));
  EXPECT_EQ(long_text.code, ErrorCode::resource_exhausted);
  EXPECT_TRUE(long_text.message.contains("101 tokens") && long_text.message.contains("batch of 100"))
      << long_text.message;
  Request answer = embedding_of(prompt_of(3));
  answer.embed = false;
  EXPECT_EQ(refusal(fakes, answer).code, ErrorCode::invalid_argument);
  Fakes writes({.sequences = 1, .context = 200});
  EXPECT_EQ(refusal(writes, embedding_of(prompt_of(3))).code, ErrorCode::invalid_argument);
}

TEST(SchedulerOfEmbeddings, AResultOfAnotherKindEndsItsOwnRequest) {
  Fakes fakes({.sequences = 2, .context = 50, .embeds = true});
  ASSERT_TRUE(fakes.scheduler.add(RequestId(1), embedding_of(prompt_of(3))));
  ASSERT_TRUE(fakes.scheduler.add(RequestId(2), embedding_of(prompt_of(4))));
  fakes.tamper = [](wire::StepDone& done) { done.tokens.front().embedding.clear(); };
  fakes.run();
  EXPECT_EQ(fakes.results[1].failure.value_or(Error{}).code, ErrorCode::corrupt);
  EXPECT_EQ(fakes.results[2].embedding.size(), 3U);
}

TEST(SchedulerOfScores, EachTokenOfAPromptIsScoredOnceAndOnlySoManyInAStep) {
  const ScheduleOptions options{.stages = 3, .sequences = 2, .context = 500, .batch_tokens = 100};
  Fakes fakes(options);
  std::map<uint64_t, Tokens> prompts;
  for (uint64_t i = 0; i < 5; ++i) {
    prompts[i] = prompt_of(i == 3 ? 1 : 77 + static_cast<uint32_t>(i), 1);  // they share their beginning
    Request request{.tokens = prompts[i], .sampling = {}, .tokens_max = 3, .end_tokens = {}};
    request.prompt_logprobs = 2;
    if (i == 4) request.prompt_logprobs.reset();
    ASSERT_TRUE(fakes.scheduler.add(RequestId(i), std::move(request)));
  }
  fakes.run();
  EXPECT_LE(fakes.scored_most, wire::kScoredTokens);
  for (const auto& [id, prompt] : prompts) {
    const Results& result = fakes.results[id];
    EXPECT_EQ(result.failure, std::nullopt);
    EXPECT_EQ(result.tokens, 3U);
    ASSERT_EQ(result.scored.size(), id == 4 ? 0 : prompt.size() - 1);
    const auto rows = rows_of(model_of(options), prompt);
    for (size_t t = 0; t < result.scored.size(); ++t) {
      EXPECT_EQ(result.scored[t].token, prompt[t + 1]);
      EXPECT_EQ(result.scored[t].logprob, FakeCompute::logprob(rows[t], prompt[t + 1]));
    }
  }
}

TEST(SchedulerOfScores, ScoresThatWereNotAskedForEndTheirOwnRequest) {
  Fakes fakes({.sequences = 1, .context = 50});
  Request request{.tokens = prompt_of(9), .sampling = {}, .tokens_max = 1, .end_tokens = {}, .prompt_logprobs = 0};
  ASSERT_TRUE(fakes.scheduler.add(RequestId(1), request));
  ASSERT_TRUE(fakes.scheduler.add(RequestId(2), request));
  fakes.tamper = [&](wire::StepDone& done) {
    if (done.number == 1) done.scored.back().token ^= 1;
  };
  fakes.run();
  EXPECT_EQ(fakes.results[1].failure.value_or(Error{}).code, ErrorCode::corrupt);
  EXPECT_EQ(fakes.results[2].scored.size(), 8U);
  ASSERT_TRUE(fakes.scheduler.add(RequestId(3), request));
  fakes.tamper = [](wire::StepDone& done) { done.scored.clear(); };
  fakes.run();
  EXPECT_EQ(fakes.results[3].failure.value_or(Error{}).code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace exogpu::pipeline
