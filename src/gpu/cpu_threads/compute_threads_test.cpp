#include "gpu/cpu_threads/compute_threads.h"

#include <gtest/gtest.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <format>

#include "gpu/host.h"
#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

using namespace std::chrono_literals;

class ComputeThreadsTest : public ::testing::Test {
 protected:
  ComputeThreads make(uint32_t fixed = 0) { return ComputeThreads(fixed, files_.root(), files_.root() / "table"); }

  // Other processes took so many cores in the next 100 ms.
  void pass(double others) {
    now_ += 100ms;
    others_s_ += others * 0.1;
    files_.write("proc/stat", std::format("cpu  {} 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\n",
                                          static_cast<uint64_t>(others_s_ * ticks_per_s_)));
  }
  // The same, where this process's threads waited for so many cores meanwhile, and the kernel counts it.
  void pass(double others, double waited) {
    waited_s_ += waited * 0.1;
    pass(others);
    files_.write("proc/self/task/1/schedstat", std::format("0 {} 1\n", static_cast<uint64_t>(waited_s_ * 1e9)));
  }
  uint32_t step(ComputeThreads& threads) {
    const uint32_t count = threads.begin_step(now_);
    threads.end_step(now_);
    return count;
  }

  FakeSysfs files_;
  const uint32_t cores_ = read_cpu_limits(files_.root()).threads();
  const double ticks_per_s_ = static_cast<double>(sysconf(_SC_CLK_TCK));
  double others_s_ = 1000;  // more than this process itself has used
  double waited_s_ = 0;
  ComputeThreads::Time now_{1h};
};

TEST_F(ComputeThreadsTest, WithoutProcAllCoresCompute) {
  ComputeThreads threads = make();
  for (int i = 0; i < 20; ++i) {
    now_ += 100ms;
    EXPECT_EQ(step(threads), cores_);
  }
  EXPECT_EQ(threads.reason(), "");
}

TEST_F(ComputeThreadsTest, AFixedNumberStays) {
  ComputeThreads threads = make(5);
  for (int i = 0; i < 20; ++i, pass(cores_)) EXPECT_EQ(step(threads), 5u);
  EXPECT_EQ(threads.reason(), "fixed by --threads");
}

TEST_F(ComputeThreadsTest, FollowsWhatOtherProcessesTake) {
  if (cores_ < 2) GTEST_SKIP() << "one core";
  ComputeThreads threads = make();
  for (int i = 0; i < 3; ++i, pass(0)) EXPECT_EQ(step(threads), cores_);
  pass(1);
  EXPECT_EQ(step(threads), cores_ - 1) << "after one interval";
  EXPECT_EQ(threads.reason(), std::format("other processes use 1 of {} cores", cores_));
  for (int i = 0; i < 20; ++i, pass(0)) step(threads);
  EXPECT_EQ(step(threads), cores_);
}

// 16 processors have a tick of 4 or 10 ms at the same moments.
TEST_F(ComputeThreadsTest, TicksAreNoOtherProcess) {
  if (cores_ < 2) GTEST_SKIP() << "one core";
  ComputeThreads threads = make();
  pass(0, 0);
  for (int i = 0; i < 20; ++i, pass(i % 5 == 0 ? 0.9 : 0, 0)) EXPECT_EQ(step(threads), cores_) << i;
  pass(1, 0);
  EXPECT_EQ(step(threads), cores_) << "it may be a tick";
  for (int i = 0; i < 5; ++i, pass(1, 0)) step(threads);
  EXPECT_EQ(step(threads), cores_ - 1) << "what lasts is one";
}

TEST_F(ComputeThreadsTest, ThreadsThatWaitAreASignOfOtherProcesses) {
  if (cores_ < 2) GTEST_SKIP() << "one core";
  ComputeThreads threads = make();
  for (int i = 0; i < 3; ++i, pass(0, 0)) EXPECT_EQ(step(threads), cores_);
  pass(0, 0.9);
  EXPECT_EQ(step(threads), cores_ - 1);
}

TEST_F(ComputeThreadsTest, AQuotaOfEitherVersionIsFollowedWhileItChanges) {
  if (cores_ < 2) GTEST_SKIP() << "one core";
  ComputeThreads threads = make();
  EXPECT_EQ(step(threads), cores_);
  files_.write("proc/self/cgroup", "0::/app\n");
  files_.write("sys/fs/cgroup/app/cpu.max", "100000 100000\n");
  now_ += 2s;
  EXPECT_EQ(step(threads), 1u);
  EXPECT_EQ(threads.reason(), std::format("a quota limits this process to 1 of {} cores", cores_));
  files_.write("sys/fs/cgroup/app/cpu.max", "max 100000\n");
  now_ += 2s;
  EXPECT_EQ(step(threads), cores_);
  files_.write("proc/self/cgroup", "5:cpu,cpuacct:/app\n");
  files_.write("sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "50000\n");
  files_.write("sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n");
  now_ += 2s;
  EXPECT_EQ(step(threads), 1u);
}

#ifdef __linux__
// A processor that is taken offline leaves the affinity, too.
TEST_F(ComputeThreadsTest, AnAffinityThatChangesIsFollowed) {
  cpu_set_t before;
  CPU_ZERO(&before);
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  if (cores_ < 2) GTEST_SKIP() << "one core";
  ComputeThreads threads = make();
  EXPECT_EQ(step(threads), cores_);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (size_t i = 0; CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  now_ += 2s;
  const uint32_t bound = step(threads);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(bound, 1u);
  now_ += 2s;
  EXPECT_EQ(step(threads), cores_);
}
#endif

// The first of these is used where nothing is measured.
class ThreadCandidates : public ComputeThreadsTest {
 protected:
  // Steps of so many tokens, or parts of one, until as many were computed as a trial of three candidates takes.
  void compute(ComputeThreads& threads, uint32_t tokens, uint32_t fastest) {
    constexpr int kParts = 3 * ThreadTrial::kBlock * ThreadTrial::kRounds + 3;
    const auto part = [&] { now_ += threads.threads() == fastest ? 1ms : 2ms; };
    threads.set_tokens(tokens);
    for (int i = 0; i < kParts; ++i) {
      threads.begin_step(now_);
      part();
      if (tokens == 1) threads.end_step(now_);
    }
    if (tokens > 1) threads.end_step(now_);
  }
  void cores_with_two_threads() {
    for (const uint32_t processor : read_cpu_limits(files_.root()).processors)
      files_.write(std::format("sys/devices/system/cpu/cpu{}/topology/core_id", processor), "0\n");
  }
  // The first is a performance core.
  void cores_of_two_kinds() {
    uint32_t core = 0;
    for (const uint32_t processor : read_cpu_limits(files_.root()).processors) {
      const std::string folder = std::format("sys/devices/system/cpu/cpu{}/", processor);
      files_.write(folder + "topology/core_id", std::format("{}\n", core));
      files_.write(folder + "cpu_capacity", core++ == 0 ? "1024\n" : "400\n");
    }
  }
  const uint32_t all_ = read_cpu_limits(files_.root()).logical_cores;
};

TEST_F(ThreadCandidates, HardwareThreadsAreUsedWhereTheyAreFaster) {
  if (all_ < 2) GTEST_SKIP() << "one processor";
  cores_with_two_threads();
  for (const uint32_t fastest : {1u, all_}) {
    ComputeThreads threads = make();
    threads.set_tokens(1);
    EXPECT_EQ(step(threads), 1u) << "one for each core, without a measurement";
    compute(threads, 1, fastest);
    EXPECT_EQ(step(threads), fastest);
    EXPECT_EQ(threads.reason(), fastest == 1 ? "" : "several threads on each core are faster");
  }
}

TEST_F(ThreadCandidates, FewAndManyTokensAreMeasuredApart) {
  if (all_ < 2) GTEST_SKIP() << "one processor";
  cores_with_two_threads();
  ComputeThreads threads = make();
  compute(threads, 1, 1);
  compute(threads, 512, all_);
  threads.set_tokens(1);
  EXPECT_EQ(step(threads), 1u);
  threads.set_tokens(512);
  EXPECT_EQ(step(threads), all_);
}

TEST_F(ThreadCandidates, PerformanceCoresAloneAreUsedWhereTheyAreFaster) {
  if (all_ < 2) GTEST_SKIP() << "one processor";
  cores_of_two_kinds();
  for (const uint32_t fastest : {1u, all_}) {
    ComputeThreads threads = make();
    compute(threads, 1, fastest);
    EXPECT_EQ(step(threads), fastest);
    EXPECT_EQ(threads.reason(), fastest == 1 ? "the performance cores alone are faster" : "");
    EXPECT_FALSE(threads.limited());
  }
}

TEST_F(ThreadCandidates, NothingIsMeasuredBesideOtherProcesses) {
  if (all_ < 2) GTEST_SKIP() << "one processor";
  cores_of_two_kinds();
  ComputeThreads threads = make();
  files_.write("proc/stat", "procs_running 2\n");
  compute(threads, 1, 1);
  EXPECT_EQ(threads.threads(), all_ - 1);
  EXPECT_EQ(threads.reason(), std::format("other processes use 1 of {} cores", all_));
  files_.write("proc/stat", "procs_running 1\n");
  now_ += 10s;
  EXPECT_EQ(step(threads), all_) << "one for each core, until the others are found to be better";
}

TEST_F(ComputeThreadsTest, TheFirstStepSeesWhatRunsAtThatMoment) {
  if (cores_ < 2) GTEST_SKIP() << "one core";
  files_.write("proc/stat", "procs_running 2\n");
  ComputeThreads threads = make();
  EXPECT_EQ(step(threads), cores_ - 1);
  EXPECT_TRUE(threads.limited());
}

TEST_F(ComputeThreadsTest, AMachineThatIsToStayCoolComputesWithFewer) {
  if (cores_ < 2) GTEST_SKIP() << "one core";
  ComputeThreads threads = make();
  threads.set_share(0.5);
  EXPECT_EQ(step(threads), (cores_ + 1) / 2);
  EXPECT_EQ(threads.reason(), "more would heat the machine too much");
  EXPECT_FALSE(threads.limited()) << "not by other processes";
  threads.set_share(1);
  EXPECT_EQ(step(threads), cores_);
  ComputeThreads fixed(4);
  fixed.set_share(0.5);
  EXPECT_EQ(fixed.begin_step(), 2U);
}

TEST_F(ComputeThreadsTest, ModelsThatComputeAtTheSameTimeShareTheCores) {
  if (cores_ < 2) GTEST_SKIP() << "one core";
  ComputeThreads one = make();
  ComputeThreads other = make();
  EXPECT_EQ(one.begin_step(now_), cores_);
  EXPECT_EQ(other.begin_step(now_), cores_ / 2);
  EXPECT_EQ(other.reason(), std::format("models that compute at the same time share {} cores: 2", cores_));
  one.end_step(now_);
  other.end_step(now_);
  now_ += 2s;
  EXPECT_EQ(other.begin_step(now_), cores_);
}

}  // namespace
}  // namespace exogpu::gpu
