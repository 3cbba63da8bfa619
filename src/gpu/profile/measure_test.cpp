#include <gtest/gtest.h>

#include <algorithm>

#include "base/sanitizer.h"
#include "gpu/host.h"
#include "gpu/profile/products.h"
#include "gpu/profile/profile.h"
#include "gpu/testing/device.h"

namespace exogpu::gpu {
namespace {

using Measuring = OnEachBackend;

const ProfileOptions kShort{.threads = 0, .time_limit_s = 0.3};

TEST_P(Measuring, GivesRatesThatAreMeasured) {
  std::chrono::sys_seconds now(std::chrono::seconds(1'700'000'000));
  auto profile = measure(*device_, kShort, now);
  ASSERT_TRUE(profile) << profile.error().message;
  ASSERT_FALSE(profile->products.empty());
  EXPECT_NE(profile->product("q4_K"), nullptr);
  EXPECT_EQ(profile->product("q9_Z"), nullptr);
  double fastest = 0;
  for (const ProductRates& rates : profile->products) {
    // Between a watch and anything that will be built.
    EXPECT_GT(rates.matvec_bytes_per_s, 1e4) << rates.type;
    EXPECT_LT(rates.matvec_bytes_per_s, 1e15) << rates.type;
    EXPECT_LT(rates.matmul_flops_per_s, 1e18) << rates.type;
    fastest = std::max(fastest, rates.matvec_bytes_per_s);
  }
  EXPECT_EQ(profile->bandwidth_bytes_per_s, fastest);
  EXPECT_GT(profile->host_to_device_bytes_per_s, 1e5);
  EXPECT_GT(profile->device_to_host_bytes_per_s, 1e5);
  EXPECT_GT(profile->graph_overhead_s, 0);
  EXPECT_LT(profile->graph_overhead_s, 10);
  EXPECT_EQ(profile->measured_at, now);
  EXPECT_GT(profile->took_s, 0);
  EXPECT_EQ(profile->threads, profile_threads(*device_, kShort));
}

TEST_P(Measuring, LeavesNoMemoryBehind) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory for a while, and has its own check for leaks";
  // Drivers never release some memory, and how much a run takes depends on the machine's load; what leaks grows every
  // time.
  Bytes least_growth = UINT64_MAX;
  for (int i = 0; i < 5 && least_growth > 8 * MiB; ++i) {
    Bytes before = resident_bytes();
    ASSERT_TRUE(measure(*device_, kShort));
    least_growth = std::min(least_growth, std::max(resident_bytes(), before) - before);
  }
  EXPECT_LT(least_growth, 8 * MiB);
}

TEST_P(Measuring, AProductOfWeightsIsComputed) {
  auto bench = Bench::open(*device_, 1);
  ASSERT_TRUE(bench) << bench.error().message;
  ASSERT_TRUE(supports_product(*bench, GGML_TYPE_Q8_0));
  auto weights = Weights::make(*bench, GGML_TYPE_Q8_0, 0, 2);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->pairs(), 2);
  auto graph = ProductGraph::make(*bench, *weights, 2, 1);
  ASSERT_TRUE(graph) << graph.error().message;
  auto seconds = graph->run();
  ASSERT_TRUE(seconds) << seconds.error().message;
  EXPECT_GT(*seconds, 0);
}

TEST_P(Measuring, WeightsThatDoNotFitAreAnError) {
  auto bench = Bench::open(*device_, 1);
  ASSERT_TRUE(bench) << bench.error().message;
  auto weights = Weights::make(*bench, GGML_TYPE_F32, kLevels - 1, 100'000);
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code, ErrorCode::out_of_memory);
  EXPECT_TRUE(weights.error().message.contains(device_->info().id)) << weights.error().message;
}

INSTANTIATE_TEST_SUITE_P(Backends, Measuring, testing::Values("CPU", "Vulkan"), backend_name);

TEST(Measure, ThreadsAreOfACpuOnly) {
  DeviceInfo info;
  info.kind = DeviceKind::cpu;
  Device cpu(info, nullptr);
  info.kind = DeviceKind::discrete;
  Device gpu(info, nullptr);
  EXPECT_EQ(profile_threads(cpu, {.threads = 3}), 3u);
  EXPECT_EQ(profile_threads(cpu, {}), read_host_cpu().threads());
  EXPECT_EQ(profile_threads(gpu, {.threads = 3}), 0u);
}

}  // namespace
}  // namespace exogpu::gpu
