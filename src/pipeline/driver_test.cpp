#include "pipeline/driver.h"

#include <gtest/gtest.h>

#include "pipeline/testing/request_bench.h"

namespace exogpu::pipeline {
namespace {

TEST(Driver, GivesUpWhatIsCachedAtOnce) {
  testing::BenchDriver bench;
  bench.driver.keep_cached(true);
  EXPECT_TRUE(bench.begun.empty());
  ASSERT_TRUE(bench.driver.generate({.tokens = {1, 2}, .sampling = {}, .tokens_max = 1, .end_tokens = {}},
                                    [](const TokenEvent&) {}));
  ASSERT_EQ(bench.begun.size(), 1U);
  bench.done(1);
  EXPECT_FALSE(bench.driver.scheduler().resident().sequences[0].empty());
  bench.driver.keep_cached(false);
  ASSERT_EQ(bench.begun.size(), 2U);
  EXPECT_TRUE(bench.begun.back().step.releases);
  EXPECT_TRUE(bench.driver.scheduler().resident().sequences[0].empty());
  bench.driver.keep_cached(false);
  EXPECT_EQ(bench.begun.size(), 2U);
}

TEST(Driver, PromptsAreCutInSmallChunksWhileADeviceIsToStayCool) {
  for (const bool small : {true, false}) {
    testing::BenchDriver bench({.context = 1000});
    bench.driver.keep_chunks_small(small);
    ASSERT_TRUE(bench.driver.generate(
        {.tokens = std::vector<wire::TokenId>(256, 1), .sampling = {}, .tokens_max = 1, .end_tokens = {}},
        [](const TokenEvent&) {}));
    EXPECT_EQ(bench.begun.front().tokens.size(), small ? 64U : 256U);
  }
}

}  // namespace
}  // namespace exogpu::pipeline
