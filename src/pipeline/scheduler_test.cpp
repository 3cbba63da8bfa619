#include "pipeline/scheduler.h"

#include <gtest/gtest.h>

#include "pipeline/testing/scheduler_bench.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

TEST(Scheduler, RefusesWhatCannotBeAnswered) {
  Scheduler scheduler(wire::PlanEpoch(1), {.sequences = 1, .context = 10, .waiting_max = 1});
  const auto refusal = [&](uint64_t id, uint32_t length) {
    const auto added = scheduler.add(RequestId(id), {.tokens = prompt_of(length), .sampling = {}, .end_tokens = {}});
    return added ? Error{} : added.error();
  };
  EXPECT_EQ(refusal(1, 0).code, ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(2, 11).code, ErrorCode::resource_exhausted);
  EXPECT_NE(refusal(2, 11).message.find("11 tokens"), std::string::npos);
  EXPECT_EQ(refusal(3, 10).message, "");  // a continuation with room for one token
  EXPECT_EQ(refusal(4, 9).message, "");   // waits
  EXPECT_EQ(refusal(5, 9).code, ErrorCode::unavailable);
  EXPECT_EQ(scheduler.requests().size(), 2U);
}

TEST(Scheduler, AConstraintSeesTheAnswerSoFar) {
  const auto generated = [&](Request input) {
    Scheduler scheduler(wire::PlanEpoch(1), {.sequences = 2, .context = 100});
    const RequestId id(input.tokens.size());
    EXPECT_TRUE(scheduler.add(id, std::move(input)));
    return std::get<wire::OpenSampler>(scheduler.next().value().step.changes.back().kind).generated;
  };
  Request input{.tokens = prompt_of(7), .sampling = {}, .end_tokens = {}, .prompt_tokens = 5};
  EXPECT_EQ(generated(input), Tokens());  // nobody asked
  input.tokens = prompt_of(8);
  input.sampling.constraint = {.kind = wire::ConstraintKind::regex, .text = "a"};
  EXPECT_EQ(generated(input), Tokens(input.tokens.begin() + 5, input.tokens.end()));
}

TEST(Scheduler, APromptIsCutAndAnswered) {
  Bench bench({.stages = 3, .sequences = 2, .context = 1000, .batch_tokens = 100});
  bench.ask(prompt_of(777), 20);
  bench.run();
  bench.expect_all_answered();
  EXPECT_GE(bench.prompt_steps, 8U);
}

TEST(Scheduler, AnEndTokenAndAFullContextEnd) {
  Bench bench({.sequences = 2, .context = 40});
  const auto full = bench.ask(prompt_of(39), 0);
  bench.run();
  EXPECT_EQ(bench.asked[full].end, wire::GenerateEnd::context_full);
  EXPECT_EQ(bench.asked[full].received.size(), 2U);  // one for the last KV cache row, and one that needs none
  // The same answer, interrupted between the two.
  const auto continued = bench.ask(prompt_of(40), 0);
  bench.run();
  EXPECT_EQ(bench.asked[continued].end, wire::GenerateEnd::context_full);
  EXPECT_EQ(bench.asked[continued].received.size(), 1U);

  const RequestId id(99);
  const Tokens answer = answer_to(prompt_of(5), 10);
  bench.asked[id] = {.prompt = prompt_of(5)};
  ASSERT_TRUE(bench.scheduler.add(id, {.tokens = prompt_of(5), .sampling = {}, .end_tokens = {answer[3]}}));
  bench.run();
  EXPECT_EQ(bench.asked[id].end, wire::GenerateEnd::end_of_text);
  const auto first = std::ranges::find(answer, answer[3]) - answer.begin();
  EXPECT_EQ(bench.asked[id].received, Tokens(answer.begin(), answer.begin() + first + 1));
}

TEST(Scheduler, DecodingContinuesWhileLongPromptsAreComputed) {
  for (const uint32_t stages : {1U, 2U, 5U}) {
    Bench bench({.stages = stages, .sequences = 8, .context = 10000, .batch_tokens = 256});
    for (uint32_t i = 0; i < 4; ++i) bench.ask(prompt_of(10 + i, i), 400);
    for (int i = 0; i < 50; ++i) {
      bench.begin();
      bench.finish();
    }
    for (uint32_t i = 0; i < 4; ++i) bench.ask(prompt_of(9000, 10 + i), 5);
    bench.run();
    bench.expect_all_answered();
    // The way round, and at most as many steps again in which others have their turn.
    EXPECT_LE(bench.wait_longest, 2 * (stages + 1)) << stages << " stages";
  }
}

TEST(Scheduler, DecodingRequestsDoNotStarveAPrompt) {
  for (const uint32_t batch : {1U, 2U, 4U}) {
    Bench bench({.stages = 1, .sequences = 4, .context = 5000, .batch_tokens = batch});
    for (uint32_t i = 0; i < 3; ++i) bench.ask(prompt_of(2, i), 2000);
    for (int i = 0; i < 20; ++i) {
      bench.begin();
      bench.finish();
    }
    const auto late = bench.ask(prompt_of(10, 9), 1);
    for (int i = 0; i < 100 && !bench.asked[late].over(); ++i) {
      bench.begin();
      bench.finish();
    }
    EXPECT_TRUE(bench.asked[late].over()) << "a batch of " << batch;
    bench.run();
    bench.expect_all_answered();
  }
}

TEST(Scheduler, ASequenceIsUsedAgainAndCopied) {
  Bench bench({.stages = 2, .sequences = 3, .context = 500, .batch_tokens = 64});
  const auto first = bench.ask(prompt_of(200), 10);
  bench.run();
  Tokens longer = prompt_of(200);
  const Tokens& answer = bench.asked[first].received;
  longer.insert(longer.end(), answer.begin(), answer.end());
  longer.push_back(3);
  bench.ask(longer, 5);
  bench.run();
  EXPECT_EQ(bench.reused_most, 209U);  // the last token of the answer was never computed
  // Three at once with the same beginning: one takes the sequence, the others copy from it.
  for (uint32_t i = 0; i < 3; ++i) {
    Tokens other = longer;
    other.push_back(static_cast<wire::TokenId>(i));
    bench.ask(other, 30);
  }
  const uint64_t before = bench.scheduler.tokens_computed();
  bench.run();
  EXPECT_LE(bench.scheduler.tokens_computed() - before, 3 * (2 + 30U));
  bench.expect_all_answered();
}

TEST(Scheduler, AFailureEndsTheRequestsOfItsStepOnly) {
  Bench bench({.stages = 1, .sequences = 2, .context = 500, .batch_tokens = 50});
  const auto a = bench.ask(prompt_of(40), 5);
  const auto b = bench.ask(prompt_of(200, 3), 5);  // waits for the first's prompt to leave room
  bench.begin([] { return 0; });
  bench.finish();
  EXPECT_TRUE(bench.asked[a].failure);
  bench.ask(prompt_of(40), 5);
  bench.run();
  EXPECT_EQ(bench.asked[a].failure->message, "fake: the device failed");
  EXPECT_TRUE(bench.asked[b].over());
  bench.expect_all_answered();
}

// A request that counts on tokens that are still in flight, when their step fails.
TEST(Scheduler, ARequestThatReusedFailedTokensFails) {
  Bench bench({.stages = 3, .sequences = 2, .context = 500, .batch_tokens = 50});
  const auto a = bench.ask(prompt_of(100), 5);
  bench.begin([] { return 1; });
  bench.cancel(a);
  const auto b = bench.ask(prompt_of(120), 5);
  while (bench.finish()) {
  }
  EXPECT_TRUE(bench.asked[b].failure);
  bench.ask(prompt_of(120), 5);
  bench.run();
  bench.expect_all_answered();
}

TEST(Scheduler, ManyRequestsDuringAStepLeaveAStepThatCanBeSent) {
  Bench bench({.stages = 1, .sequences = 1, .context = 500, .batch_tokens = 50});
  bench.ask(prompt_of(30), 5);
  bench.begin();
  for (uint32_t i = 0; i < 20000; ++i) bench.cancel(bench.ask(prompt_of(20, i), 5));
  bench.cancel(RequestId(1));
  for (uint32_t i = 0; i < 20000; ++i) bench.cancel(bench.ask(prompt_of(20, i), 5));
  bench.ask(prompt_of(33), 5);
  bench.run();
  bench.expect_all_answered();
}

TEST(Scheduler, TooFewTokensFromTheLastStageAreAFailure) {
  Scheduler scheduler(wire::PlanEpoch(1), {.sequences = 1, .context = 10});
  ASSERT_TRUE(scheduler.add(RequestId(1), {.tokens = prompt_of(3), .sampling = {}, .end_tokens = {}}));
  const auto work = scheduler.next();
  ASSERT_TRUE(work);
  std::vector<RequestEvent> events;
  scheduler.done({.epoch = wire::PlanEpoch(1), .number = work->step.number + 5}, events);
  EXPECT_TRUE(events.empty());
  scheduler.done({.epoch = wire::PlanEpoch(1), .number = work->step.number}, events);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].second.failure->code, ErrorCode::corrupt);
  EXPECT_EQ(scheduler.active(), 0U);
}

TEST(Scheduler, ATokenOutsideTheVocabularyEndsItsRequestOnly) {
  Scheduler scheduler(wire::PlanEpoch(1), {.sequences = 2, .context = 10, .n_vocab = 50});
  const auto added = scheduler.add(RequestId(9), {.tokens = {50}, .sampling = {}, .end_tokens = {}});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::invalid_argument);
  for (const uint64_t id : {1U, 2U}) {
    ASSERT_TRUE(scheduler.add(RequestId(id), {.tokens = prompt_of(3), .sampling = {}, .end_tokens = {}}));
  }
  std::vector<RequestEvent> events;
  const auto work = scheduler.next();
  ASSERT_TRUE(work && work->step.spans.size() == 2);
  scheduler.done({.epoch = wire::PlanEpoch(1),
                  .number = work->step.number,
                  .tokens = {{.sequence = wire::SeqId(0), .token = 50}, {.sequence = wire::SeqId(1), .token = 49}}},
                 events);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].second.failure.value_or(Error{}).code, ErrorCode::corrupt);
  EXPECT_FALSE(events[0].second.token);
  EXPECT_EQ(events[1].second.token->token, 49);
  const auto next = scheduler.next();
  ASSERT_TRUE(next && next->step.spans.size() == 1);
  EXPECT_EQ(next->step.spans[0].sequence, wire::SeqId(1));
}

}  // namespace
}  // namespace exogpu::pipeline
