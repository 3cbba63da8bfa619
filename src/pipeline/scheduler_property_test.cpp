// Whatever happens, every answer is right.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>

#include "pipeline/testing/scheduler_bench.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

uint32_t pick(uint32_t low, uint32_t high) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<uint32_t>(low, high));
}

ScheduleOptions any_options() {
  ScheduleOptions options;
  options.stages = pick(1, 6);
  options.sequences = pick(1, 6);
  options.context = pick(40, 200);
  options.batch_tokens = pick(1, 70);
  options.busy_chunk = pick(1, 70);
  options.step_cost_tokens = pick(0, 20);
  if (pick(0, 2) == 0) return options;
  options.region_step = pick(1, 20);
  options.pool_tokens = pick(options.context, 2 * options.context);
  return options;
}

// Requests that are added, cancelled, share beginnings and meet failures, in any order.
TEST(Scheduler, WhateverHappensEveryAnswerIsRight) {
  const bool fails = false, injects = true;
  uint64_t preempted = 0;
  for (const bool with_failures : {fails, injects}) {
    EXPECT_TRUE(rc::check([with_failures, &preempted] {
      const ScheduleOptions options = any_options();
      Bench bench(options, pick(0, 2) == 1);
      const uint32_t rate = pick(2, 12);
      const uint64_t seed = pick(0, 1U << 30);
      std::minstd_rand random(static_cast<uint32_t>(seed));
      const auto any = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
      const auto fails_at = [&]() -> std::optional<uint32_t> {
        if (!with_failures || any(15) != 0) return std::nullopt;
        return any(options.stages);
      };
      std::vector<RequestId> ids;
      for (int i = 0; i < 300; ++i) {
        if (any(rate) == 0) {
          Tokens prompt = prompt_of(1 + any(options.context - 2), any(3));
          if (!ids.empty() && any(2) == 0) {  // continues another answer
            const Asked& other = bench.asked[ids[any(static_cast<uint32_t>(ids.size()))]];
            prompt = other.prompt;
            prompt.insert(prompt.end(), other.received.begin(), other.received.end());
            if (prompt.size() >= options.context) prompt.resize(options.context - 1);
          }
          ids.push_back(bench.ask(prompt, any(3) == 0 ? 0 : 1 + any(30), any(100)));
        }
        if (!ids.empty() && any(3 * rate) == 0) {
          const RequestId id = ids[any(static_cast<uint32_t>(ids.size()))];
          if (!bench.asked[id].over()) bench.cancel(id);
        }
        if (any(2) == 0) bench.begin(fails_at);
        if (any(2) == 0) bench.finish();
      }
      bench.run();
      bench.expect_all_answered();
      if (!with_failures) {
        for (const auto& [id, request] : bench.asked) EXPECT_FALSE(request.failure) << request.failure->message;
      }
      preempted += bench.scheduler.preempted();
      RC_ASSERT(!::testing::Test::HasFailure());
    }));
  }
  EXPECT_GT(preempted, 100U) << "no pool was ever full";
}

// Rings end at any moment, and the next resumes their KV caches.
TEST(Scheduler, AnswersStayRightFromRingToRing) {
  uint64_t replayed = 0, preempted = 0;
  EXPECT_TRUE(rc::check([&replayed, &preempted] {
    const ScheduleOptions options = any_options();
    Bench bench(options, pick(0, 2) == 1);
    std::minstd_rand random(pick(0, 1U << 30));
    const auto any = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
    std::vector<RequestId> ids;
    for (int i = 0; i < 400; ++i) {
      if (any(5) == 0) {
        Tokens prompt = prompt_of(1 + any(options.context - 2), any(3));
        ids.push_back(bench.ask(prompt, any(3) == 0 ? 0 : 1 + any(30), any(100)));
      }
      if (!ids.empty() && any(40) == 0) {
        const RequestId id = ids[any(static_cast<uint32_t>(ids.size()))];
        if (!bench.asked[id].over()) bench.cancel(id);
      }
      if (any(20) == 0) {
        const uint32_t begin = any(options.stages + 1);
        const uint32_t end = begin + any(options.stages + 1 - begin);
        bench.next_ring({begin, end}, any(4) == 0 ? std::optional(any(options.stages)) : std::nullopt);
      }
      if (any(2) == 0) bench.begin();
      if (any(2) == 0) bench.finish();
    }
    bench.run();
    bench.expect_all_answered();
    for (const auto& [id, request] : bench.asked) EXPECT_FALSE(request.failure) << request.failure->message;
    replayed += bench.replayed;
    preempted += bench.preempted + bench.scheduler.preempted();
    RC_ASSERT(!::testing::Test::HasFailure());
  }));
  EXPECT_GT(replayed, 1000U) << "this has tried nothing";
  EXPECT_GT(preempted, 10U) << "no pool was ever full";
}

// One client has a hundred requests; whenever a new one asks, only those begin before it that have a sequence already,
// and one more.
TEST(Scheduler, AHundredRequestsOfOneClientDoNotStarveAnother) {
  EXPECT_TRUE(rc::check([] {
    ScheduleOptions options = any_options();
    options.batch_tokens = pick(8, 70);
    Bench bench(options, pick(0, 2) == 1);
    std::minstd_rand random(pick(0, 1U << 30));
    const auto any = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
    for (uint32_t i = 0; i < 100; ++i) bench.ask(prompt_of(1 + any(20), i), 1 + any(3), 64, wire::ClientId(1));
    std::map<RequestId, size_t> singles;  // and how many had begun
    for (uint32_t i = 0; i < 20; ++i) {
      for (uint32_t steps = any(8); steps > 0; --steps) {
        bench.begin();
        bench.finish();
      }
      if (std::ranges::any_of(singles, [&](const auto& single) { return !bench.asked[single.first].over(); })) continue;
      singles.emplace(bench.ask(prompt_of(1 + any(30), any(1000)), 1 + any(8), 64, wire::ClientId(2 + i)),
                      bench.begun.size());
    }
    bench.run();
    bench.expect_all_answered();
    for (const auto& [id, before] : singles) {
      const auto at = static_cast<size_t>(std::ranges::find(bench.begun, id) - bench.begun.begin());
      RC_ASSERT(at - before <= options.sequences + 1);
    }
  }));
}

}  // namespace
}  // namespace exogpu::pipeline
