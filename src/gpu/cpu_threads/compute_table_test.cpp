#include "gpu/cpu_threads/compute_table.h"

#include <gtest/gtest.h>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

using namespace std::chrono_literals;

class ComputeTableTest : public ::testing::Test {
 protected:
  ComputeTable open() {
    auto table = ComputeTable::open(files_.root() / "compute");
    EXPECT_TRUE(table) << table.error().message;
    return *std::move(table);
  }

  FakeSysfs files_;
  ComputeTable::Time now_ = ComputeTable::Time{} + 1h;
};

TEST_F(ComputeTableTest, AShardSeesThoseThatComputeNow) {
  ComputeTable a = open();
  ComputeTable b = open();
  EXPECT_EQ(a.others(now_).computing, 0U);
  b.begin(now_, 1.0);
  EXPECT_EQ(a.others(now_).computing, 1U);
  EXPECT_EQ(b.others(now_).computing, 0U) << "not itself";
  b.end(now_ + 1ms, 1.1);
  EXPECT_EQ(a.others(now_ + 1ms).computing, 0U);
}

// Stages of one ring take turns: each may use all cores. Two models that answer at the same time share them, also in
// the moment in which one of them samples.
TEST_F(ComputeTableTest, AShardThatComputesMostOfTheTimeCountsBetweenItsSteps) {
  ComputeTable a = open();
  ComputeTable b = open();
  for (int step = 0; step < 100; ++step) {
    b.begin(now_, 1.0);
    b.end(now_ += 10ms, 1.0);
    now_ += 10ms;
  }
  EXPECT_EQ(a.others(now_).computing, 0U) << "half of the time";
  for (int step = 0; step < 100; ++step) {
    b.begin(now_, 1.0);
    b.end(now_ += 10ms, 1.0);
    now_ += 1ms;
  }
  EXPECT_EQ(a.others(now_).computing, 1U);
  EXPECT_EQ(a.others(now_ + 2s).computing, 0U) << "it has ended, or was killed";
}

TEST_F(ComputeTableTest, ShardsOfThisProcessAreNoOtherProcess) {
  ComputeTable a = open();
  ComputeTable b = open();
  b.begin(now_, 5.0);
  EXPECT_EQ(a.others(now_).used_s, 0.0);
  EXPECT_EQ(a.others(now_).processes, 0U);
}

TEST_F(ComputeTableTest, EntriesAreGivenBack) {
  ComputeTable a = open();
  for (int i = 0; i < 200; ++i) {
    ComputeTable b = open();
    b.begin(now_, 1.0);
    ASSERT_EQ(a.others(now_).computing, 1U) << i;
  }
  EXPECT_EQ(a.others(now_).computing, 0U);
}

TEST_F(ComputeTableTest, AFileThatIsNoTableIsRefused) {
  files_.write("text", std::string(8192, 'x'));
  EXPECT_EQ(ComputeTable::open(files_.root() / "text").error().code, ErrorCode::unsupported);
  files_.folder("folder");
  EXPECT_EQ(ComputeTable::open(files_.root() / "folder").error().code, ErrorCode::io_error);
  EXPECT_EQ(ComputeTable::open(files_.root() / "none/none").error().code, ErrorCode::io_error);
  files_.link("link", "text");
  EXPECT_EQ(ComputeTable::open(files_.root() / "link").error().code, ErrorCode::io_error);
}

}  // namespace
}  // namespace exogpu::gpu
