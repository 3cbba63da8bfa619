#include "pipeline/continuations.h"

#include <gtest/gtest.h>

namespace exogpu::pipeline {
namespace {

using wire::PlanEpoch;
using Tokens = std::vector<wire::TokenId>;

struct Asker {
  std::vector<wire::Generate> asked;
  std::vector<uint64_t> cancelled;
  std::optional<Error> refuses;
  Tokens received;
  std::optional<wire::GenerateEnd> end;
  std::optional<Error> failure;
  int ends = 0;
  wire::TokenId cancels_at = -1;
  Continuations answers{{.submit = [this](wire::Generate request) -> Result<void> {
                           if (refuses) return std::unexpected(*refuses);
                           asked.push_back(std::move(request));
                           return {};
                         },
                         .cancel = [this](uint64_t request) { cancelled.push_back(request); },
                         .on_event =
                             [this](AnswerId id, const TokenEvent& event) {
                               if (event.token) received.push_back(event.token->token);
                               end = event.end;
                               failure = event.failure;
                               ends += event.is_last() ? 1 : 0;
                               if (event.token && event.token->token == cancels_at) answers.cancel(id);
                             }}};

  void begin(uint32_t tokens_max = 5, Continuations::Duration wait = {}) {
    Request request;
    request.tokens = {1, 2, 3};
    request.tokens_max = tokens_max;
    request.end_tokens = {9};
    answers.begin(AnswerId(1), std::move(request), wait);
  }
  void generated(uint64_t request, wire::TokenId token, std::optional<wire::GenerateEnd> last = {}) {
    wire::Generated message{.request = request};
    message.tokens.push_back({.sequence = {}, .token = token});
    message.end = last;
    answers.on_generated(message);
  }
  void interrupted(uint64_t request) {
    wire::Generated message{.request = request};
    message.failure = Error{ErrorCode::unavailable, "the ring has ended"};
    message.interrupted = true;
    answers.on_generated(message);
  }
};

TEST(Continuations, AnUnfinishedAnswerContinuesWithTheNextRing) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.begin();
  ASSERT_EQ(asker.asked.size(), 1U);
  EXPECT_EQ(asker.asked[0].epoch, PlanEpoch(1));
  EXPECT_EQ(asker.asked[0].tokens_max, 5U);
  asker.generated(asker.asked[0].request, 10);
  asker.generated(asker.asked[0].request, 11);
  asker.interrupted(asker.asked[0].request);
  EXPECT_EQ(asker.answers.waiting(), 1U);
  asker.answers.serve(PlanEpoch(1));  // the same ring is not asked again
  ASSERT_EQ(asker.asked.size(), 1U);
  asker.answers.serve(PlanEpoch(2));
  ASSERT_EQ(asker.asked.size(), 2U);
  EXPECT_EQ(asker.asked[1].tokens, (Tokens{1, 2, 3, 10, 11}));
  EXPECT_EQ(asker.asked[1].prompt_tokens, 3U);
  EXPECT_EQ(asker.asked[1].tokens_max, 3U);
  EXPECT_EQ(asker.asked[1].end_tokens, (Tokens{9}));
  asker.generated(asker.asked[0].request, 66);  // of the old ring, late
  asker.generated(asker.asked[1].request, 12, wire::GenerateEnd::length);
  EXPECT_EQ(asker.received, (Tokens{10, 11, 12}));
  EXPECT_EQ(asker.end, wire::GenerateEnd::length);
  EXPECT_EQ(asker.answers.open(), 0U);
  asker.generated(asker.asked[1].request, 13);
  EXPECT_EQ(asker.received.size(), 3U);
}

TEST(Continuations, EachScoreOfAPromptIsReportedOnce) {
  std::vector<wire::Generate> asked;
  Tokens scored;
  Continuations answers{{.submit = [&](wire::Generate request) -> Result<void> {
                           asked.push_back(std::move(request));
                           return {};
                         },
                         .cancel = [](uint64_t) {},
                         .on_event =
                             [&](AnswerId, const TokenEvent& event) {
                               if (event.scored.empty()) return;
                               EXPECT_EQ(event.scored_position, scored.size() + 1);
                               for (const auto& token : event.scored) scored.push_back(token.token);
                             }}};
  const auto score = [&](uint32_t position, const Tokens& tokens) {
    wire::Generated message{.request = asked.back().request, .scored_position = position};
    for (const wire::TokenId token : tokens) message.scored.push_back({.sequence = {}, .token = token});
    answers.on_generated(message);
  };
  answers.serve(PlanEpoch(1));
  Request request{.tokens = {1, 2, 3, 4, 5}, .sampling = {}, .tokens_max = 2, .end_tokens = {}};
  request.prompt_logprobs = 0;
  answers.begin(AnswerId(1), std::move(request));
  score(1, {2, 3});
  answers.interrupt_all();
  answers.serve(PlanEpoch(2));
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[1].prompt_logprobs, 0U);
  score(1, {2, 3, 4});
  score(4, {5});
  score(4, {5});  // doubled
  score(5, {6});  // beyond the prompt
  EXPECT_EQ(scored, (Tokens{2, 3, 4, 5}));
  wire::Generated token{.request = asked.back().request};
  token.tokens.push_back({.sequence = {}, .token = 9});
  answers.on_generated(token);
  answers.interrupt_all();
  answers.serve(PlanEpoch(3));
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[2].prompt_logprobs, std::nullopt);  // all is known
}

TEST(Continuations, TokensOfOneMessageAreReportedOneByOneAndTheEndWithTheLast) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.begin();
  wire::Generated message{.request = asker.asked[0].request};
  for (const wire::TokenId token : {10, 11, 12}) message.tokens.push_back({.sequence = {}, .token = token});
  message.end = wire::GenerateEnd::length;
  asker.answers.on_generated(message);
  EXPECT_EQ(asker.received, (Tokens{10, 11, 12}));
  EXPECT_EQ(asker.end, wire::GenerateEnd::length);
  EXPECT_EQ(asker.ends, 1);
}

TEST(Continuations, NothingFollowsACancellationWithinAMessage) {
  Asker asker;
  asker.cancels_at = 10;
  asker.answers.serve(PlanEpoch(1));
  asker.begin();
  wire::Generated message{.request = asker.asked[0].request};
  for (const wire::TokenId token : {10, 11}) message.tokens.push_back({.sequence = {}, .token = token});
  message.end = wire::GenerateEnd::length;
  asker.answers.on_generated(message);
  EXPECT_EQ(asker.received, (Tokens{10}));
  EXPECT_EQ(asker.ends, 0);
  EXPECT_EQ(asker.answers.open(), 0U);
}

TEST(Continuations, ARingThatRefusedIsAskedAgainLater) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.begin();
  asker.interrupted(asker.asked[0].request);  // it does not know yet that it serves
  asker.answers.resume();
  ASSERT_EQ(asker.asked.size(), 2U);
  EXPECT_EQ(asker.asked[1].epoch, PlanEpoch(1));
  asker.answers.resume();  // in flight
  EXPECT_EQ(asker.asked.size(), 2U);
}

TEST(Continuations, WhatCannotBeAskedForWaits) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.refuses = Error{kRingEnded, "no way there"};
  asker.begin();
  EXPECT_EQ(asker.answers.waiting(), 1U);
  asker.refuses.reset();
  asker.answers.resume();
  EXPECT_EQ(asker.asked.size(), 1U);
}

TEST(Continuations, OtherRefusalsEndTheAnswer) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.refuses = Error{ErrorCode::invalid_argument, "no such token"};
  asker.begin();
  ASSERT_TRUE(asker.failure);
  EXPECT_EQ(asker.failure->message, "no such token");
  EXPECT_EQ(asker.answers.open(), 0U);
}

TEST(Continuations, WhatIsAskedBetweenPlansWaitsForTheNext) {
  Asker asker;
  asker.begin();  // nothing was served, and no ring is being set up
  ASSERT_TRUE(asker.failure);
  EXPECT_EQ(asker.failure->message, "nothing is served yet");
  asker.answers.serve(PlanEpoch(1));
  asker.answers.pause({ErrorCode::unavailable, "a node is away"});
  asker.begin();
  EXPECT_EQ(asker.answers.waiting(), 1U);
  EXPECT_EQ(asker.ends, 1);
  asker.answers.serve(PlanEpoch(2));
  EXPECT_EQ(asker.asked.size(), 1U);
}

TEST(Continuations, WhatWaitsEndsWhereNothingWillBeServed) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.begin();
  asker.answers.interrupt_all();
  EXPECT_EQ(asker.cancelled, (std::vector<uint64_t>{asker.asked[0].request}));
  asker.answers.pause({ErrorCode::unavailable, "a node is away"});
  asker.answers.fail_waiting({ErrorCode::out_of_memory, "20 GB are missing"});
  ASSERT_TRUE(asker.failure);
  EXPECT_EQ(asker.failure->message, "20 GB are missing");
  asker.begin();  // nor is any taken until something is served
  EXPECT_EQ(asker.ends, 2);
  EXPECT_EQ(asker.failure->message, "20 GB are missing");
}

TEST(Continuations, EachWaitsForAsLongAsItIsToWait) {
  using std::chrono::seconds;
  Asker asker;
  const Error why{ErrorCode::unavailable, "node c is away"};
  asker.answers.serve(PlanEpoch(1));
  asker.begin(5, seconds(10));
  asker.answers.pause(why);
  asker.answers.interrupt_all();
  asker.answers.fail_waiting(why, seconds(0));
  asker.answers.fail_waiting(why, seconds(9));
  EXPECT_EQ(asker.ends, 0);
  asker.answers.fail_waiting(why, seconds(10));
  EXPECT_EQ(asker.ends, 1);
  asker.begin(5, seconds(10));  // too late
  EXPECT_EQ(asker.ends, 2);
  asker.begin(5, seconds(60));
  EXPECT_EQ(asker.answers.waiting(), 1U);
  asker.answers.serve(PlanEpoch(2));
  EXPECT_EQ(asker.asked.size(), 2U);
  asker.answers.pause(why);  // all counts again
  asker.begin(5, seconds(0));
  EXPECT_EQ(asker.ends, 2);
}

// What is in flight for a model that was removed may end, but does not wait when its ring is lost.
TEST(Continuations, WhatIsLostWhenNothingWaitsAnyMoreEnds) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.begin();
  asker.answers.pause({ErrorCode::unavailable, "the model is not to be served"});
  asker.answers.fail_waiting({ErrorCode::unavailable, "the model is not to be served"});
  EXPECT_EQ(asker.ends, 0);
  asker.answers.interrupt_all();
  EXPECT_EQ(asker.ends, 1);
  ASSERT_TRUE(asker.failure);
  EXPECT_EQ(asker.failure->message, "the model is not to be served");
}

TEST(Continuations, WhatIsAskedWhileTheNextRingIsSetUpWaitsForIt) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.answers.pause({ErrorCode::unavailable, "no plan"});
  asker.answers.fail_waiting({ErrorCode::unavailable, "no plan"});
  asker.answers.expect_ring();
  asker.begin();
  EXPECT_EQ(asker.ends, 0);
  asker.answers.serve(PlanEpoch(2));
  EXPECT_EQ(asker.asked.size(), 1U);
}

TEST(Continuations, NothingIsReportedOfACancelledAnswer) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.begin();
  asker.answers.cancel(AnswerId(1));
  EXPECT_EQ(asker.cancelled.size(), 1U);
  asker.generated(asker.asked[0].request, 10);
  EXPECT_TRUE(asker.received.empty());
  EXPECT_EQ(asker.ends, 0);
}

TEST(Continuations, MoreTokensThanWereAskedForAreAnError) {
  Asker asker;
  asker.answers.serve(PlanEpoch(1));
  asker.begin(2);
  asker.generated(asker.asked[0].request, 10);
  asker.generated(asker.asked[0].request, 11);  // and not marked as the last
  asker.answers.interrupt_all();
  asker.answers.serve(PlanEpoch(2));
  ASSERT_TRUE(asker.failure);
  EXPECT_EQ(asker.failure->code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace exogpu::pipeline
