#include "gpu/cpu_threads/thread_trial.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

namespace exogpu::gpu {
namespace {

// Parts computed until the trial is settled, with so many seconds for a number of threads.
size_t settle(ThreadTrial& trial, const std::function<double(uint32_t)>& seconds, uint64_t work = 1) {
  size_t parts = 0;
  for (; !trial.settled() && parts < 1000; ++parts) trial.took(work, seconds(trial.next()));
  return parts;
}

TEST(ThreadTrial, OneCandidateNeedsNone) {
  const ThreadTrial trial({6});
  EXPECT_TRUE(trial.settled());
  EXPECT_EQ(trial.next(), 6u);
}

TEST(ThreadTrial, TheFastestIsTaken) {
  for (const uint32_t fastest : {8u, 4u, 16u}) {
    ThreadTrial trial({8, 4, 16});
    EXPECT_EQ(trial.next(), 8u);
    const size_t parts = settle(trial, [&](uint32_t threads) { return threads == fastest ? 0.8 : 1.0; });
    EXPECT_EQ(parts, 3 * ThreadTrial::kBlock * ThreadTrial::kRounds);
    EXPECT_EQ(trial.best(), fastest);
    EXPECT_EQ(trial.next(), fastest);
  }
}

TEST(ThreadTrial, ASmallGainIsNotWorthAChange) {
  ThreadTrial trial({8, 16});
  settle(trial, [](uint32_t threads) { return threads == 16 ? 0.98 : 1.0; });
  EXPECT_EQ(trial.best(), 8u);
}

TEST(ThreadTrial, TheFirstPartWithOtherThreadsAndAPauseDoNotCount) {
  ThreadTrial trial({8, 16});
  size_t part = 0;
  settle(trial, [&](uint32_t threads) {
    const size_t of_block = part++ % ThreadTrial::kBlock;
    if (of_block == 0 || part == 6) return 100.0;
    return threads == 16 ? 0.7 : 1.0;
  });
  EXPECT_EQ(trial.best(), 16u);
}

TEST(ThreadTrial, PartsOfOtherWorkBeginItAgain) {
  ThreadTrial trial({8, 16});
  for (int i = 0; i < 5; ++i) trial.took(1, trial.next() == 16 ? 0.1 : 1.0);
  EXPECT_EQ(trial.next(), 16u);
  trial.took(512, 0.1);
  EXPECT_EQ(trial.next(), 8u);
  settle(trial, [](uint32_t threads) { return threads == 16 ? 2.0 : 1.0; }, 512);
  EXPECT_EQ(trial.best(), 8u);
}

TEST(ThreadTrial, ComesToAnEndWhateverTheWork) {
  std::minstd_rand random(1);
  ThreadTrial trial({8, 4, 16});
  size_t parts = 0;
  for (; !trial.settled(); ++parts) trial.took(1 + random() % 3, 1.0);
  EXPECT_LT(parts, 1000u);
  EXPECT_EQ(trial.best(), 8u);
}

}  // namespace
}  // namespace exogpu::gpu
