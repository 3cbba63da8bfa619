// Sequences that share a pool of rows.
#include <gtest/gtest.h>

#include <random>

#include "pipeline/testing/scheduler_bench.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

ScheduleOptions pool_of(uint32_t tokens, uint32_t context, uint32_t sequences = 8) {
  ScheduleOptions options;
  options.stages = 2;
  options.sequences = sequences;
  options.context = context;
  options.pool_tokens = tokens;
  options.region_step = 16;
  options.batch_tokens = 64;
  return options;
}

TEST(SchedulerPool, OneLongAnswerAndManyShortOnesShareIt) {
  Bench bench(pool_of(400, 320, 17));
  bench.ask(prompt_of(250), 0);
  for (uint32_t i = 0; i < 16; ++i) bench.ask(prompt_of(20, i), 12);
  uint32_t most = 0;
  for (int i = 0; i < 100'000; ++i) {
    bench.begin();
    most = std::max(most, bench.scheduler.active());
    if (!bench.finish()) break;
  }
  bench.expect_all_answered();
  EXPECT_GE(most, 5U);
}

TEST(SchedulerPool, TheYoungestWaitsOnceMoreAndContinuesWithWhatItHad) {
  ScheduleOptions options = pool_of(96, 96, 2);
  options.stages = 1;
  Bench bench(options);
  const RequestId first = bench.ask(prompt_of(32), 60);
  const RequestId second = bench.ask(prompt_of(32, 1), 40);
  while (bench.scheduler.preempted() == 0) {
    bench.begin();
    ASSERT_TRUE(bench.finish());
  }
  EXPECT_EQ(bench.scheduler.waiting(), 1U);
  const size_t had = bench.asked[second].received.size();
  EXPECT_GT(had, 0U);
  while (!bench.asked[first].over()) {
    EXPECT_EQ(bench.asked[second].received.size(), had);
    bench.begin();
    ASSERT_TRUE(bench.finish());
  }
  const uint64_t computed = bench.scheduler.tokens_computed();
  bench.run();
  bench.expect_all_answered();
  EXPECT_EQ(bench.asked[second].received.size(), 40U);
  EXPECT_LT(bench.scheduler.tokens_computed() - computed, 32 + 40) << "it kept nothing of its prompt";
}

TEST(SchedulerPool, WhatIsUnusedForLongestLosesItsEndFirst) {
  ScheduleOptions options = pool_of(128, 96, 4);
  options.stages = 1;
  Bench bench(options);
  for (const uint32_t seed : {1U, 2U}) {
    bench.ask(prompt_of(50, seed), 1);
    bench.run();
  }
  bench.ask(prompt_of(60, 3), 1);  // 64 rows each have the first two
  bench.run();
  bench.reused_most = 0;
  bench.ask(prompt_of(50, 2), 1);
  bench.run();
  EXPECT_EQ(bench.reused_most, 49U);
  bench.expect_all_answered();
}

TEST(SchedulerPool, AnotherConversationWithTheSameBeginningLeavesTheFirstItsTokens) {
  for (const uint32_t pool : {0U, 400U, 112U}) {
    ScheduleOptions options = pool_of(pool, 96, 4);
    options.stages = 1;
    Bench bench(options);
    Tokens first = prompt_of(30), second = first;
    first.resize(60, 1);
    second.resize(60, 2);
    for (const Tokens& prompt : {first, second}) {
      bench.ask(prompt, 4);
      bench.run();
    }
    EXPECT_EQ(bench.reused_most, 30U);
    bench.ask(first, 4);
    bench.run();
    EXPECT_EQ(bench.reused_most, pool == 112 ? 30U : 59U) << "a pool of " << pool;
    bench.expect_all_answered();
  }
}

TEST(SchedulerPool, ARequestThatComputesAfreshTakesNothingFromACache) {
  Bench bench(pool_of(400, 96));
  for (const bool afresh : {false, true, false}) {
    bench.reused_most = 0;
    bench.ask(prompt_of(50), 4, 64, {}, afresh);
    bench.run();
    EXPECT_EQ(bench.reused_most > 0, !afresh && bench.asked.size() > 1);
  }
  bench.expect_all_answered();
}

TEST(SchedulerPool, PrivatePrefixesStayWithTheirClient) {
  for (const bool are_private : {false, true}) {
    for (const bool at_once : {false, true}) {
      ScheduleOptions options = pool_of(400, 96);
      options.private_prefixes = are_private;
      Bench bench(options);
      bench.ask(prompt_of(50), 30, 64, wire::ClientId(1));
      for (int i = 0; at_once && i < 4; ++i) {
        bench.begin();
        bench.finish();
      }
      if (!at_once) bench.run();
      const RequestId other = bench.ask(prompt_of(50), 30, 64, wire::ClientId(2));
      bench.run();
      EXPECT_EQ(bench.reused_most > 0, !are_private);
      bench.reused_most = 0;
      bench.next_ring({0, 0}, std::nullopt);
      bench.ask(prompt_of(50), 1, 64, wire::ClientId(2));
      bench.run();
      EXPECT_GT(bench.reused_most, 0U) << "its own";
      EXPECT_TRUE(bench.asked[other].over());
      bench.expect_all_answered();
    }
  }
}

TEST(SchedulerPool, WithoutACacheSequencesAreEmptiedOnceNobodyHasThem) {
  for (const uint32_t pool : {0U, 400U}) {
    Bench bench(pool_of(pool, 96, 4));
    const auto cached = [&] { return !std::ranges::all_of(bench.scheduler.resident().sequences, &Tokens::empty); };
    bench.ask(prompt_of(50), 4);
    bench.run();
    EXPECT_TRUE(cached());
    bench.scheduler.keep_cached(false);
    const auto work = bench.scheduler.next();
    ASSERT_TRUE(work);
    EXPECT_TRUE(work->step.releases);
    EXPECT_TRUE(work->step.spans.empty());
    EXPECT_FALSE(bench.scheduler.next()) << "once";
    EXPECT_FALSE(cached());
  }
}

TEST(SchedulerPool, WithoutACacheAnswersAreTheSame) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    std::minstd_rand random(seed + 1);
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    Bench bench(pool_of(seed % 2 == 0 ? 160 : 0, 96, 6));
    for (int i = 0; i < 12; ++i) {
      bench.scheduler.keep_cached(below(2) == 0);
      std::vector<wire::TokenId> prompt = prompt_of(20 + 8 * below(3));
      const auto rest = prompt_of(1 + below(30), 2 + below(40));
      prompt.insert(prompt.end(), rest.begin(), rest.end());
      const RequestId id = bench.ask(prompt, 1 + below(20));
      for (uint32_t steps = below(12); steps > 0; --steps) {
        bench.begin();
        bench.finish();
      }
      if (below(8) == 0) bench.next_ring({0, below(2)}, std::nullopt);
      if (below(8) == 0 && !bench.asked[id].over()) bench.cancel(id);
    }
    bench.scheduler.keep_cached(false);
    bench.run();
    bench.expect_all_answered();
    EXPECT_TRUE(std::ranges::all_of(bench.scheduler.resident().sequences, &Tokens::empty));
  }
}

// A request may have its first tokens in common with several free sequences, of which only some leave room for it.
TEST(SchedulerPool, PromptsThatShareTheirFirstTokensAreAllAnswered) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::minstd_rand random(seed + 1);
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    Bench bench(pool_of(160, 96, 6));
    for (int i = 0; i < 12; ++i) {
      std::vector<wire::TokenId> prompt = prompt_of(20 + 8 * below(3));
      const auto rest = prompt_of(1 + below(30), 2 + below(40));
      prompt.insert(prompt.end(), rest.begin(), rest.end());
      bench.ask(prompt, 1 + below(20));
      for (uint32_t steps = below(12); steps > 0; --steps) {
        bench.begin();
        bench.finish();
      }
    }
    bench.run();
    bench.expect_all_answered();
  }
}

}  // namespace
}  // namespace exogpu::pipeline
