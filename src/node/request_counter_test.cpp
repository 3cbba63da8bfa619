#include "node/request_counter.h"

#include <gtest/gtest.h>

#include "node/testing/generation_log.h"

namespace exogpu::node {
namespace {

TEST(RequestCounter, CountsWhatAListenerHears) {
  const auto counter = std::make_shared<RequestCounter>();
  const auto log = std::make_shared<testing::GenerationLog>();
  auto listener = counter->listen("llama", log);
  EXPECT_EQ(counter->counts().at("llama").open, 1U);
  listener->on_prompt(7);
  for (int i = 0; i < 3; ++i) listener->on_piece(0, {.text = "x"}, {});
  listener->on_piece(1, {.text = "y"}, {});
  listener->on_end(
      0, {.reason = engine::FinishReason::length, .prompt_tokens = 7, .prompt_reused = 4, .answer_tokens = 3});
  listener->on_end(1, {.reason = engine::FinishReason::end_of_text, .prompt_tokens = 7, .answer_tokens = 1});
  listener.reset();
  const RequestCounts counts = counter->counts().at("llama");
  EXPECT_EQ(counts.requests, 1U);
  EXPECT_EQ(counts.open, 0U);
  EXPECT_EQ(counts.prompt_tokens, 7U) << "once for both answers";
  EXPECT_EQ(counts.prompt_tokens_reused, 4U);
  EXPECT_EQ(counts.answer_tokens, 4U);
  EXPECT_EQ(counts.ends,
            (std::map<std::string, uint64_t>{{std::string(to_string(engine::FinishReason::end_of_text)), 1},
                                             {std::string(to_string(engine::FinishReason::length)), 1}}));
  uint64_t first = 0, between = 0;
  for (const uint64_t count : counts.first_token.counts) first += count;
  for (const uint64_t count : counts.between_tokens.counts) between += count;
  EXPECT_EQ(first, 2U) << "of two answers";
  EXPECT_EQ(between, 2U);
  const auto recent = counter->recent();
  ASSERT_EQ(recent.size(), 2U);
  EXPECT_EQ(recent[0].model, "llama");
  EXPECT_EQ(recent[0].end, to_string(engine::FinishReason::length));
  EXPECT_EQ(recent[0].prompt_tokens, 7U);
  EXPECT_EQ(recent[0].prompt_tokens_reused, 4U);
  EXPECT_EQ(recent[1].answer_tokens, 1U);
  EXPECT_FALSE(recent[1].tokens_per_s()) << "one token has no rate";
  ASSERT_TRUE(recent[0].accepted_s && recent[0].first_token_s);
  EXPECT_LE(*recent[0].accepted_s, *recent[0].first_token_s);
  EXPECT_LE(*recent[0].first_token_s, recent[0].duration_s);
  EXPECT_EQ(log->texts[0], "xxx") << "all is passed on";
  EXPECT_EQ(log->lines.front(), "prompt 7");
}

TEST(RequestCounter, ErrorsAndLostListenersEnd) {
  const auto counter = std::make_shared<RequestCounter>();
  auto listener = counter->listen("m", std::make_shared<testing::GenerationLog>());
  listener->on_error({ErrorCode::unavailable, "away"});
  listener.reset();
  counter->listen("m", std::make_shared<testing::GenerationLog>()).reset();
  const RequestCounts counts = counter->counts().at("m");
  EXPECT_EQ(counts.requests, 2U);
  EXPECT_EQ(counts.open, 0U);
  EXPECT_EQ(counts.ends, (std::map<std::string, uint64_t>{{"unavailable", 1}}));
  ASSERT_EQ(counter->recent().size(), 1U);
  EXPECT_EQ(counter->recent()[0].end, "unavailable");
  EXPECT_FALSE(counter->recent()[0].accepted_s);
}

TEST(RequestCounter, ClientsDoNotMakeItGrow) {
  const auto counter = std::make_shared<RequestCounter>();
  for (int i = 0; i < 1000; ++i) {
    counter->listen(std::to_string(i), std::make_shared<testing::GenerationLog>()).reset();
  }
  const auto counts = counter->counts();
  EXPECT_EQ(counts.size(), RequestCounter::kModelsMax + 1);
  EXPECT_EQ(counts.at("other").requests, 1000 - RequestCounter::kModelsMax);
}

TEST(RequestCounter, RemembersTheLastOnes) {
  const auto counter = std::make_shared<RequestCounter>();
  for (uint32_t i = 0; i < RequestCounter::kRecentMax + 3; ++i) {
    counter->listen("m", std::make_shared<testing::GenerationLog>())->on_end(0, {.answer_tokens = i});
  }
  const auto recent = counter->recent();
  ASSERT_EQ(recent.size(), RequestCounter::kRecentMax);
  EXPECT_EQ(recent.front().answer_tokens, 3U);
  EXPECT_EQ(recent.back().answer_tokens, RequestCounter::kRecentMax + 2);
}

TEST(RecentRequest, TheRateIsThatBehindTheFirstToken) {
  EXPECT_EQ((RecentRequest{.answer_tokens = 11, .first_token_s = 1.0, .duration_s = 3}).tokens_per_s(), 5.0);
  EXPECT_FALSE((RecentRequest{.answer_tokens = 11, .duration_s = 3}).tokens_per_s());
}

TEST(DurationCounts, ABoundBelongsToItsBucket) {
  DurationCounts<2> counts{.bounds = {1, 2}};
  for (const double seconds : {0.5, 1.0, 1.5, 2.0, 2.5}) counts.add(seconds);
  EXPECT_EQ(counts.counts, (std::array<uint64_t, 3>{2, 2, 1}));
  EXPECT_DOUBLE_EQ(counts.sum_s, 7.5);
}

}  // namespace
}  // namespace exogpu::node
