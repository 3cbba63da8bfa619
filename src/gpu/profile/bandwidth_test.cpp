#include "gpu/profile/bandwidth.h"

#include <gtest/gtest.h>

#include "gpu/testing/device.h"

namespace exogpu::gpu {
namespace {

using MeasuringMemory = OnEachBackend;

TEST_P(MeasuringMemory, ReadsAndCopiesTakeTime) {
  auto bench = Bench::open(*device_, 0);
  ASSERT_TRUE(bench) << bench.error().message;
  const auto rates = measure_memory(*bench, 64 * MiB, 0.02);
  ASSERT_TRUE(rates) << rates.error().message;
  for (const double rate : {rates->read_bytes_per_s, rates->copy_bytes_per_s}) {
    EXPECT_GT(rate, 1e6);
    EXPECT_LT(rate, 1e15);
  }
}

TEST_P(MeasuringMemory, WhatWouldMeasureTheCachesIsNotMeasured) {
  auto bench = Bench::open(*device_, 0);
  ASSERT_TRUE(bench) << bench.error().message;
  const auto rates = measure_memory(*bench, 1 * MiB, 0.02);
  ASSERT_TRUE(rates) << rates.error().message;
  EXPECT_EQ(rates->read_bytes_per_s, 0);
  EXPECT_EQ(rates->copy_bytes_per_s, 0);
}

INSTANTIATE_TEST_SUITE_P(Backends, MeasuringMemory, testing::Values("CPU", "Vulkan"), backend_name);

}  // namespace
}  // namespace exogpu::gpu
