#include "gpu/cpu_threads/processor_load.h"

#include <gtest/gtest.h>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

class ProcessorLoadTest : public ::testing::Test {
 protected:
  FakeSysfs files_;
};

TEST_F(ProcessorLoadTest, WithoutProcNothingIsKnown) {
  const ProcessorTimes times = read_processor_times(files_.root(), {});
  EXPECT_FALSE(times.busy_s);
  EXPECT_FALSE(times.waited_s);
}

TEST_F(ProcessorLoadTest, BusyIsAllButIdleAndWaitingForDisks) {
  files_.write("proc/stat",
               "cpu  300 100 50 9000 70 20 30 100 5 5\n"
               "cpu0 200 0 50 4000 0 0 0 0 0 0\n"
               "cpu1 100 100 0 5000 70 20 30 100 5 5\n"
               "intr 12345\ncpu2 lies\n");
  EXPECT_DOUBLE_EQ(*read_processor_times(files_.root(), {}).busy_s, 6.0);
  const ProcessorTimes both = read_processor_times(files_.root(), {0, 1});
  EXPECT_DOUBLE_EQ(*both.busy_s, 6.0);
  EXPECT_DOUBLE_EQ(both.idle_s, 90.7);
  EXPECT_DOUBLE_EQ(both.stolen_s, 1.0);
  EXPECT_EQ(both.processors, 2U);
  EXPECT_DOUBLE_EQ(*read_processor_times(files_.root(), {0}).busy_s, 2.5);
  EXPECT_DOUBLE_EQ(*read_processor_times(files_.root(), {1, 7}).busy_s, 3.5);
}

TEST_F(ProcessorLoadTest, AProcessorThatIsNeverIdleIsBusyWhateverTheTicksSay) {
  const auto times = [](double busy_s, double idle_s) {
    return ProcessorTimes{.busy_s = busy_s, .idle_s = idle_s, .processors = 4, .waited_s = {}};
  };
  EXPECT_NEAR(busy_processors(times(7, 50), times(7.36, 50), 0.1), 4, 1e-9) << "a tick less on each";
  EXPECT_NEAR(busy_processors(times(7, 50), times(7.44, 50), 0.1), 4, 1e-9) << "a tick more";
  EXPECT_NEAR(busy_processors(times(7, 50), times(7.26, 50.1), 0.1), 3, 1e-9);
  EXPECT_NEAR(busy_processors(times(7, 0), times(7.1, 0), 0.1), 1, 1e-9) << "idle time is not counted here";
  EXPECT_NEAR(busy_processors(times(7, 0), times(7, 0), 0.1), 0, 1e-9);
  EXPECT_NEAR(busy_processors(times(7, 0), times(9, 0), 0.1), 4, 1e-9) << "not more than there are";
}

TEST_F(ProcessorLoadTest, ADamagedFileIsNotBelieved) {
  for (const char* text : {"", "\n", "cpu\n", "intr 5\n", "cpu  1 2 3 4\n"}) {
    files_.write("proc/stat", text);
    EXPECT_FALSE(read_processor_times(files_.root(), {}).busy_s) << text;
  }
}

TEST_F(ProcessorLoadTest, WaitingIsSummedOverThreads) {
  files_.write("proc/self/task/10/schedstat", "5000000000 1500000000 77\n");
  files_.write("proc/self/task/11/schedstat", "5000000000 500000000 77\n");
  files_.write("proc/self/task/12/schedstat", "damaged\n");
  files_.folder("proc/self/task/13");
  EXPECT_DOUBLE_EQ(*read_waited_s(files_.root()), 2.0);
}

TEST_F(ProcessorLoadTest, WhatAQuotaKeepsFromRunningDoesNotWaitForOthers) {
  files_.write("proc/self/task/10/schedstat", "5000000000 1500000000 77\n");
  files_.write("proc/self/cgroup", "0::/a\n");
  files_.write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  files_.write("sys/fs/cgroup/a/cpu.stat", "usage_usec 7\nnr_throttled 9\nthrottled_usec 1200000\n");
  EXPECT_DOUBLE_EQ(*read_waited_s(files_.root()), 1.5 - 1.2);
  files_.write("proc/self/cgroup", "1:cpu:/b\n");
  files_.write("sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "150000\n");
  files_.write("sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "100000\n");
  files_.write("sys/fs/cgroup/cpu/b/cpu.stat", "nr_throttled 9\nthrottled_time 700000000\n");
  EXPECT_DOUBLE_EQ(*read_waited_s(files_.root()), 1.5 - 0.7);
}

TEST_F(ProcessorLoadTest, RunningThreadsAreThoseOfTheMoment) {
  EXPECT_FALSE(read_running_threads(files_.root()));
  files_.write("proc/stat", "cpu  300 100 50 9000 70 20 30 100 5 5\nintr 9 0 0\nprocs_running 3\nprocs_blocked 1\n");
  EXPECT_EQ(read_running_threads(files_.root()), 3u);
  files_.write("proc/stat", "procs_running many\n");
  EXPECT_FALSE(read_running_threads(files_.root()));
}

TEST_F(ProcessorLoadTest, ThisMachineHasBeenBusy) {
  const ProcessorTimes times = read_processor_times("/", {});
  if (!times.busy_s) GTEST_SKIP() << "no /proc/stat";
  EXPECT_GT(*times.busy_s, 0.0);
}

}  // namespace
}  // namespace exogpu::gpu
