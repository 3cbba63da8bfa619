#include "pipeline/prompt_chunk.h"

#include <gtest/gtest.h>

namespace exogpu::pipeline {
namespace {

TEST(PromptChunk, NoneIsSmallerThanTheKernelsTakeAtOnceUnlessThePromptIs) {
  for (size_t prompt = 1; prompt < 1500; ++prompt) {
    for (const size_t chunk : {64, 128, 512}) {
      size_t remaining = prompt;
      size_t count = 0;
      while (remaining > 0) {
        count = prompt_chunk(remaining, chunk, 512);
        ASSERT_GT(count, 0U);
        ASSERT_LE(count, std::min<size_t>(remaining, 512));
        ASSERT_GE(count, std::min(prompt, kQueriesAtOnce)) << prompt << " in chunks of " << chunk;
        remaining -= count;
      }
    }
  }
}

TEST(PromptChunk, SmallBatchesAreAsTheyAre) {
  EXPECT_EQ(prompt_chunk(100, 512, 16), 16U);
  EXPECT_EQ(prompt_chunk(10, 512, 16), 10U);
  EXPECT_EQ(prompt_chunk(121, 64, 512), 121U);
  EXPECT_EQ(prompt_chunk(530, 512, 512), 448U);
}

}  // namespace
}  // namespace exogpu::pipeline
