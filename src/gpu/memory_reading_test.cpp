#include "gpu/memory_reading.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// A made-up /proc and /sys.
class MemoryFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() / (std::string("exogpu_memory_") + test->name() + std::to_string(getpid()));
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  fs::path root_;
};

TEST_F(MemoryFiles, WithoutProcNothingIsKnown) {
  const MemoryReading reading = read_memory(root_);
  EXPECT_EQ(reading.memory.total, 0u);
  EXPECT_EQ(reading.own, 0u);
  EXPECT_FALSE(reading.machine_stalled_s);
  EXPECT_FALSE(reading.group_stalled_s);
}

TEST_F(MemoryFiles, OfAMachineWithPressureStalls) {
  write("proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:    600 kB\n");
  write("proc/self/status",
        "VmRSS:\t   900 kB\nRssAnon:\t     300 kB\nRssFile:\t     500 kB\nRssShmem:\t     100 kB\n");
  write("proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=5429792\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n");
  const MemoryReading reading = read_memory(root_);
  EXPECT_EQ(reading.memory.free, 600 * KiB);
  EXPECT_EQ(reading.own, 400 * KiB);
  EXPECT_EQ(reading.mapped, 500 * KiB);
  ASSERT_TRUE(reading.machine_stalled_s);
  EXPECT_DOUBLE_EQ(*reading.machine_stalled_s, 5.429792);
  EXPECT_FALSE(reading.group_stalled_s);
}

TEST_F(MemoryFiles, OfAControlGroupOfVersion2) {
  write("proc/self/cgroup", "0::/user/app\n");
  write("sys/fs/cgroup/user/app/memory.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=2000000\n");
  write("sys/fs/cgroup/user/app/memory.events", "low 0\nhigh 17\nmax 5\noom 1\noom_kill 2\noom_group_kill 0\n");
  write("sys/fs/cgroup/memory.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=9000000\n");
  const MemoryReading reading = read_memory(root_);
  EXPECT_DOUBLE_EQ(reading.group_stalled_s.value_or(0), 2);
  EXPECT_EQ(reading.limit_hits, 17u);
  EXPECT_EQ(reading.kills, 2u);
}

TEST_F(MemoryFiles, OfAControlGroupOfVersion1) {
  write("proc/self/cgroup", "4:memory:/app\n0::/\n");
  write("sys/fs/cgroup/memory/app/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  const MemoryReading reading = read_memory(root_);
  EXPECT_EQ(reading.kills, 3u);
  EXPECT_FALSE(reading.group_stalled_s);
}

// In a container the path of the group itself is often not visible.
TEST_F(MemoryFiles, OfTheGroupAboveWhereTheOwnOneIsNotVisible) {
  write("proc/self/cgroup", "0::/docker/abc\n");
  write("sys/fs/cgroup/memory.events", "high 4\noom_kill 1\n");
  EXPECT_EQ(read_memory(root_).limit_hits, 4u);
}

TEST_F(MemoryFiles, GarbageIsNotBelieved) {
  write("proc/pressure/memory", "some total=\nfull total=12\n");
  write("proc/self/status", "RssAnon: many kB\n");
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.events", "high\noom_kill elephants\n");
  const MemoryReading reading = read_memory(root_);
  EXPECT_FALSE(reading.machine_stalled_s);
  EXPECT_EQ(reading.own, 0u);
  EXPECT_EQ(reading.limit_hits, 0u);
  EXPECT_EQ(reading.kills, 0u);
}

#ifdef __linux__
TEST_F(MemoryFiles, OfThisProcess) { EXPECT_GT(read_memory().own, 100 * KiB); }
#endif

}  // namespace
}  // namespace exogpu::gpu
