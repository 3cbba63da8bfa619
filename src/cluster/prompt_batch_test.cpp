#include "cluster/prompt_batch.h"

#include <gtest/gtest.h>

namespace exogpu::cluster {
namespace {

constexpr Bytes kCompute = 100'000'000;
constexpr Bytes kRoom = 8'000'000'000;
constexpr StepCost kProcessor{.tokens = 8, .token_s = 1e-3};
constexpr StepCost kGpu{.tokens = 110, .token_s = 8e-5};

TEST(PromptBatch, IsLargerWhereAStepHasALargeFixedCost) {
  EXPECT_EQ(prompt_batch({}, kProcessor, kCompute, kRoom), 512);
  EXPECT_EQ(prompt_batch({}, kGpu, kCompute, kRoom), 2048);
  EXPECT_EQ(prompt_batch({}, {.tokens = 25, .token_s = 8e-5}, kCompute, kRoom), 1024);
}

TEST(PromptBatch, IsWhatAPersonFixed) {
  EXPECT_EQ(prompt_batch({.batch_tokens = 256, .batch_fixed = true}, kGpu, kCompute, kRoom), 256);
}

TEST(PromptBatch, LeavesRoomAndTime) {
  EXPECT_EQ(prompt_batch({}, kGpu, kCompute, kCompute), 1024);
  EXPECT_EQ(prompt_batch({}, kGpu, kCompute, kCompute - 1), 512);
  EXPECT_EQ(prompt_batch({.context = 1000}, kGpu, kCompute, kRoom), 512);
  EXPECT_EQ(prompt_batch({}, {.tokens = 110, .token_s = 1e-3}, kCompute, kRoom), 512);
  EXPECT_EQ(prompt_batch({}, {.tokens = 110, .token_s = 4e-4}, kCompute, kRoom), 1024);
}

}  // namespace
}  // namespace exogpu::cluster
