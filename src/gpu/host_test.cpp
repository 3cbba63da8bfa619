#include "gpu/host.h"

#include <gtest/gtest.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <fstream>

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// A made-up /proc and /sys.
class Host : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() / (std::string("exogpu_host_") + test->name() + std::to_string(getpid()));
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void write_core(int processor, int package, int core) {
    std::string topology = "sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/";
    write(topology + "physical_package_id", std::to_string(package) + "\n");
    write(topology + "core_id", std::to_string(core) + "\n");
  }
  fs::path root_;
};

TEST_F(Host, AnEmptyTreeGivesDefaultsThatWork) {
  HostCpu cpu = read_host_cpu(root_);
  EXPECT_EQ(cpu.model, "");
  EXPECT_GE(cpu.threads(), 1u);
  EXPECT_EQ(cpu.quota_cores, 0);
  EXPECT_EQ(read_host_memory(root_).total, 0u);
}

TEST_F(Host, ThisMachineHasAProcessorAndMemory) {
  HostCpu cpu = read_host_cpu();
  EXPECT_GE(cpu.physical_cores, 1u);
  EXPECT_LE(cpu.physical_cores, cpu.logical_cores);
#ifdef __linux__
  MemoryInfo memory = read_host_memory();
  EXPECT_GT(memory.total, 64 * MiB);
  EXPECT_GT(memory.free, 0u);
  EXPECT_LE(memory.free, memory.total);
#endif
}

TEST_F(Host, TheProcessorIsNamed) {
  write("proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD Ryzen 9\n\nprocessor\t: 1\n");
  HostCpu cpu = read_host_cpu(root_);
  EXPECT_EQ(cpu.model, "AMD Ryzen 9");
  EXPECT_EQ(cpu.vendor, "AMD");
}

TEST_F(Host, AnArmProcessorHasAVendorOnly) {
  write("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n");
  HostCpu cpu = read_host_cpu(root_);
  EXPECT_EQ(cpu.model, "");
  EXPECT_EQ(cpu.vendor, "ARM");
}

#ifdef __linux__
std::vector<int> processors() {
  cpu_set_t set;
  std::vector<int> out;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return out;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) out.push_back(i);
  }
  return out;
}

TEST_F(Host, ThreadsOfOneCoreCountOnce) {
  for (int processor : processors()) write_core(processor, 0, 7);
  EXPECT_EQ(read_host_cpu(root_).physical_cores, 1u);
  EXPECT_EQ(read_host_cpu(root_).logical_cores, processors().size());
}

TEST_F(Host, OtherNumbersOfThreadsAreThoseOfTheProcessor) {
  CpuLimits cpu;
  cpu.physical_cores = cpu.performance_cores = cpu.logical_cores = 8;
  EXPECT_EQ(cpu.thread_candidates(), std::vector<uint32_t>{8});
  cpu.logical_cores = 16;
  EXPECT_EQ(cpu.thread_candidates(), (std::vector<uint32_t>{8, 16}));
  cpu.performance_cores = 4;
  EXPECT_EQ(cpu.thread_candidates(), (std::vector<uint32_t>{8, 4, 16}));
  cpu.quota_cores = 3;
  EXPECT_EQ(cpu.thread_candidates(), std::vector<uint32_t>{3}) << "a quota is used up anyway";
}

TEST_F(Host, CoresOfDifferentPackagesAreDifferent) {
  int package = 0;
  for (int processor : processors()) write_core(processor, package++, 0);
  EXPECT_EQ(read_host_cpu(root_).physical_cores, processors().size());
}

TEST_F(Host, AffinityBinds) {
  std::vector<int> before = processors();
  ASSERT_FALSE(before.empty());
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(before.front(), &set);
  ASSERT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
  uint32_t logical = read_host_cpu(root_).logical_cores;
  for (int processor : before) CPU_SET(processor, &set);
  ASSERT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
  EXPECT_EQ(logical, 1u);
}
#endif

TEST_F(Host, TheQuotaOfAnyControlGroupAboveBinds) {
  write("proc/self/cgroup", "0::/user/app\n");
  write("sys/fs/cgroup/user/app/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/user/cpu.max", "250000 100000\n");
  EXPECT_DOUBLE_EQ(read_host_cpu(root_).quota_cores, 2.5);
}

TEST_F(Host, TheQuotaOfVersion1Binds) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/app\n4:memory:/app\n0::/\n");
  write("sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "50000\n");
  write("sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(read_host_cpu(root_).quota_cores, 0.5);
}

TEST_F(Host, AQuotaLimitsTheThreads) {
  HostCpu cpu;
  cpu.physical_cores = 8;
  EXPECT_EQ(cpu.threads(), 8u);
  cpu.quota_cores = 3.5;  // four threads at 7/8 of the time
  EXPECT_EQ(cpu.threads(), 4u);
  cpu.quota_cores = 3.05;
  EXPECT_EQ(cpu.threads(), 3u);
  cpu.quota_cores = 0.5;
  EXPECT_EQ(cpu.threads(), 1u);
  cpu.quota_cores = 64;
  EXPECT_EQ(cpu.threads(), 8u);
}

TEST_F(Host, MemoryIsWhatIsAvailable) {
  write("proc/meminfo", "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\n");
  MemoryInfo memory = read_host_memory(root_);
  EXPECT_EQ(memory.total, 1000 * KiB);
  EXPECT_EQ(memory.free, 600 * KiB);
}

TEST_F(Host, AControlGroupLimitsMemory) {
  write("proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:    600 kB\n");
  write("proc/self/cgroup", "0::/app\n");
  write("sys/fs/cgroup/app/memory.max", "409600\n");
  write("sys/fs/cgroup/app/memory.current", "307200\n");
  write("sys/fs/cgroup/app/memory.stat", "anon 1\ninactive_file 102400\n");
  MemoryInfo memory = read_host_memory(root_);
  EXPECT_EQ(memory.total, 400 * KiB);
  EXPECT_EQ(memory.free, 200 * KiB);
  write("sys/fs/cgroup/app/memory.max", "max\n");
  EXPECT_EQ(read_host_memory(root_).total, 1000 * KiB);
}

TEST_F(Host, AControlGroupThatSlowsItsProcessesDownLimitsMemory) {
  write("proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:    600 kB\n");
  write("proc/self/cgroup", "0::/app\n");
  write("sys/fs/cgroup/app/memory.max", "max\n");
  write("sys/fs/cgroup/app/memory.high", "409600\n");
  write("sys/fs/cgroup/app/memory.current", "307200\n");
  write("sys/fs/cgroup/app/memory.stat", "anon 1\ninactive_file 51200\nactive_file 51200\n");
  const MemoryInfo memory = read_host_memory(root_);
  EXPECT_EQ(memory.total, 400 * KiB);
  EXPECT_EQ(memory.free, 200 * KiB);
}

TEST_F(Host, AControlGroupOfVersion1LimitsMemoryWithWhatLiesBelowIt) {
  write("proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:    900 kB\n");
  write("proc/self/cgroup", "4:memory:/a/b\n0::/\n");
  write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "409600\n");
  write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "307200\n");
  write("sys/fs/cgroup/memory/a/memory.stat", "inactive_file 0\ntotal_inactive_file 102400\n");
  MemoryInfo memory = read_host_memory(root_);
  EXPECT_EQ(memory.total, 400 * KiB);
  EXPECT_EQ(memory.free, 200 * KiB);
}

TEST_F(Host, SomeMemoryIsLeftToOthers) {
  EXPECT_EQ(host_memory_reserve(0), 0u);
  EXPECT_EQ(host_memory_reserve(40 * MiB), 20 * MiB);
  EXPECT_EQ(host_memory_reserve(100 * MiB), 32 * MiB);
  EXPECT_EQ(host_memory_reserve(4 * GiB), 256 * MiB);
  EXPECT_EQ(host_memory_reserve(1024 * GiB), 512 * MiB);
}

TEST_F(Host, TheCoresAreReadAgainOnlyForOtherProcessors) {
  CpuLimits limits = read_cpu_limits(root_);
  const uint32_t cores = limits.physical_cores;
  for (const uint32_t processor : limits.processors) write_core(static_cast<int>(processor), 0, 7);
  refresh_cpu_limits(limits, root_);
  EXPECT_EQ(limits.physical_cores, cores);
  limits.processors.clear();
  refresh_cpu_limits(limits, root_);
  EXPECT_EQ(limits.physical_cores, read_cpu_limits(root_).physical_cores);
}

TEST_F(Host, TheLargestCacheCounts) {
  EXPECT_EQ(read_cache_bytes(root_), 0u);
  write("sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n");
  write("sys/devices/system/cpu/cpu0/cache/index3/size", "32M\n");
  EXPECT_EQ(read_cache_bytes(root_), 32 * MiB);
}

TEST_F(Host, GarbageIsNotBelieved) {
  write("proc/meminfo", "MemTotal: elephants\nMemAvailable\n");
  write("proc/self/cgroup", "::::\nnothing\n0::/../../..\n");
  write("sys/fs/cgroup/cpu.max", "100000 0\n");
  EXPECT_EQ(read_host_memory(root_).total, 0u);
  EXPECT_EQ(read_host_cpu(root_).quota_cores, 0);
}

}  // namespace
}  // namespace exogpu::gpu
