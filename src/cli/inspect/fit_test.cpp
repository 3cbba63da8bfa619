#include "cli/inspect/fit.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

// Ten layers of 100 MiB, with 1 KiB of F16 cache for each token and layer; 100 MiB of embedding.
model::ModelSummary eleven_hundred_mib() {
  model::ModelSummary m;
  m.layers.assign(10, {.weight_bytes = 100 * MiB, .k_elements = 256, .v_elements = 256});
  m.embedding_bytes = 100 * MiB;
  m.weight_bytes = 1100 * MiB;
  m.context_length = 32768;
  m.kv_known = true;
  return m;
}

// The free memory of which `usable` remains after the reserve.
Bytes free_for(Bytes usable) { return (usable + 128 * MiB) * 20 / 19 + 20; }

TEST(Fit, ALargeDeviceTakesAllUpToTheTrainedContext) {
  Fit fits = fit(eleven_hundred_mib(), 100 * GiB);
  EXPECT_TRUE(fits.whole);
  EXPECT_EQ(fits.layers, 10u);
  EXPECT_EQ(fits.context_tokens, 32768u);
}

TEST(Fit, TheContextIsWhatIsLeft) {
  Fit fits = fit(eleven_hundred_mib(), free_for(1200 * MiB));
  EXPECT_TRUE(fits.whole);
  EXPECT_EQ(fits.context_tokens, 100 * MiB / (10 * KiB) / 256 * 256);
}

TEST(Fit, AWholeModelWithoutRoomForContextIsCut) {
  Fit fits = fit(eleven_hundred_mib(), free_for(1101 * MiB));
  EXPECT_FALSE(fits.whole);
  EXPECT_EQ(fits.layers, 10u);  // without the embedding, 4,096 tokens fit
  EXPECT_EQ(fits.context_tokens, 4096u);
}

TEST(Fit, ASmallDeviceTakesSomeLayersWithTheirCache) {
  Fit fits = fit(eleven_hundred_mib(), free_for(350 * MiB));
  EXPECT_FALSE(fits.whole);
  EXPECT_EQ(fits.layers, 3u);
  EXPECT_EQ(fit(eleven_hundred_mib(), free_for(3 * 104 * MiB)).layers, 3u);
  EXPECT_EQ(fit(eleven_hundred_mib(), free_for(3 * 104 * MiB - 1 * MiB)).layers, 2u);
  EXPECT_EQ(fit(eleven_hundred_mib(), free_for(50 * MiB)).layers, 0u);
  EXPECT_EQ(fit(eleven_hundred_mib(), 0).layers, 0u);
}

TEST(Fit, WhatDoesNotFitMayStreamThroughTwoSlots) {
  const Bytes caches = 10 * 4 * MiB;
  EXPECT_EQ(fit(eleven_hundred_mib(), free_for(caches + 500 * MiB)).streamed, 7U) << "three stay beside two slots";
  EXPECT_EQ(fit(eleven_hundred_mib(), free_for(caches + 200 * MiB)).streamed, 10U);
  EXPECT_EQ(fit(eleven_hundred_mib(), free_for(caches + 199 * MiB)).streamed, 0U);
  EXPECT_EQ(fit(eleven_hundred_mib(), 100 * GiB).streamed, 0U);
}

TEST(Fit, WithoutAKnownCacheOnlyWeightsCount) {
  model::ModelSummary m = eleven_hundred_mib();
  m.kv_known = false;
  for (auto& layer : m.layers) layer.k_elements = layer.v_elements = 0;
  Fit whole = fit(m, free_for(1100 * MiB));
  EXPECT_TRUE(whole.whole);
  EXPECT_FALSE(whole.context_tokens);
  EXPECT_EQ(fit(m, free_for(400 * MiB)).layers, 4u);
}

}  // namespace
}  // namespace exogpu::cli
