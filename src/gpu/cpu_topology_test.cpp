#include "gpu/cpu_topology.h"

#include <gtest/gtest.h>

#include <format>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

using Processors = std::vector<uint32_t>;

TEST(ProcessorList, IsReadAsTheKernelWritesIt) {
  EXPECT_EQ(processor_list("0-3,8,10-11\n"), (Processors{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(processor_list("5"), Processors{5});
  EXPECT_EQ(processor_list("2,"), Processors{2});
  for (const char* none : {"", "\n", "all", "-1", ",", "99999999999999"})
    EXPECT_TRUE(processor_list(none).empty()) << none;
  EXPECT_EQ(processor_list("1-x"), Processors{});
  EXPECT_EQ(processor_list("3-1"), Processors{});
}

class CpuTopology : public ::testing::Test {
 protected:
  void core(uint32_t processor, const std::string& siblings) {
    files_.write(std::format("sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", processor), siblings + "\n");
  }
  void capacity(uint32_t processor, uint32_t value) {
    files_.write(std::format("sys/devices/system/cpu/cpu{}/cpu_capacity", processor), std::format("{}\n", value));
  }
  uint32_t cores(const Processors& processors) { return count_cores(processors, files_.root()); }
  Processors fast(const Processors& processors) { return performance_processors(processors, files_.root()); }
  FakeSysfs files_;
};

TEST_F(CpuTopology, WithoutSysfsNothingIsKnown) {
  EXPECT_EQ(cores({0, 1}), 0u);
  EXPECT_TRUE(fast({0, 1}).empty());
}

TEST_F(CpuTopology, HardwareThreadsOfACoreCountOnce) {
  for (const uint32_t first : {0u, 1u}) {
    core(first, std::format("{},{}", first, first + 2));
    core(first + 2, std::format("{},{}", first, first + 2));
  }
  EXPECT_EQ(cores({0, 1, 2, 3}), 2u);
  EXPECT_EQ(cores({2, 3}), 2u);
  EXPECT_EQ(cores({0, 2}), 1u);
}

TEST_F(CpuTopology, AListThatLacksTheProcessorIsNotBelieved) {
  core(0, "7");
  EXPECT_EQ(cores({0}), 0u);
}

// Two performance cores with two threads each, and four efficiency cores.
TEST_F(CpuTopology, IntelNamesItsKindsOfCores) {
  files_.write("sys/devices/cpu_core/cpus", "0-3\n");
  files_.write("sys/devices/cpu_atom/cpus", "4-7\n");
  for (const uint32_t first : {0u, 2u})
    for (const uint32_t each : {first, first + 1}) core(each, std::format("{}-{}", first, first + 1));
  for (const uint32_t each : {4u, 5u, 6u, 7u}) core(each, std::format("{}", each));
  const Processors all{0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(cores(all), 6u);
  EXPECT_EQ(fast(all), (Processors{0, 1, 2, 3}));
  EXPECT_EQ(cores(fast(all)), 2u);
  EXPECT_TRUE(fast({4, 5}).empty()) << "all that it may use are alike";
  EXPECT_TRUE(fast({0, 1}).empty());
}

TEST_F(CpuTopology, OtherProcessorsHaveCapacities) {
  for (const uint32_t little : {0u, 1u}) capacity(little, 381);
  capacity(2, 921);
  capacity(3, 1024);
  EXPECT_EQ(fast({0, 1, 2, 3}), (Processors{2, 3}));
  EXPECT_TRUE(fast({2, 3}).empty()) << "nearly alike";
  EXPECT_TRUE(fast({0, 1, 2, 3, 4}).empty()) << "of one nothing is known";
}

}  // namespace
}  // namespace exogpu::gpu
