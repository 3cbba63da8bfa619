#include "gpu/layouts/child.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gpu/testing/device.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

TEST(CheckLine, HasAStepOrAVerdict) {
  const auto prepared = check_line("layout 3 prepared");
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->index, 3u);
  EXPECT_TRUE(prepared->prepared);
  const auto wrong = check_line("layout 12 wrong differs by 0.5");
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->index, 12u);
  EXPECT_EQ(wrong->verdict.state, LayoutState::wrong);
  EXPECT_EQ(wrong->verdict.reason, "differs by 0.5");
  for (const char* other : {"", "layout", "layout x right", "layout 1 perhaps", "ggml: layout 1 right"})
    EXPECT_FALSE(check_line(other)) << other;
}

// A program of a few lines in the place of the one that checks.
class CheckProcesses : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / (std::string("exogpu_checks_") + test->name() + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // $1 is the device, then come the cases; $runs is a file to which each run may append.
  std::vector<LayoutVerdict> check(const std::string& script,
                                   std::chrono::milliseconds timeout = std::chrono::minutes(1)) {
    std::ofstream(folder_ / "check.sh") << "runs=" << (folder_ / "runs").string() << "\n" << script;
    DeviceInfo info;
    info.id = "paper0";
    return check_in_processes({.command = {"/bin/sh", (folder_ / "check.sh").string()}, .timeout = timeout},
                              Device(info, nullptr), cases_);
  }
  std::string runs() {
    std::ifstream in(folder_ / "runs");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path folder_;
  std::vector<LayoutCase> cases_ = {
      {.layout = "A", .type = "q4_K"}, {.layout = "B", .type = "q4_K"}, {.layout = "C", .type = "q4_K"}};
};

TEST_F(CheckProcesses, GetTheDeviceAndTheCasesAndAreAnsweredInOrder) {
  const auto verdicts = check(
      "echo \"$@\" > $runs\n"
      "echo layout 0 prepared; echo layout 0 right\n"
      "echo layout 1 unsupported\n"
      "echo something else; echo layout 2 prepared; echo layout 2 wrong by much\n");
  EXPECT_EQ(runs(), "paper0 A/q4_K/matrix B/q4_K/matrix C/q4_K/matrix\n");
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_EQ(verdicts[0].state, LayoutState::right);
  EXPECT_EQ(verdicts[1].state, LayoutState::unsupported);
  EXPECT_EQ(verdicts[2].state, LayoutState::wrong);
  EXPECT_EQ(verdicts[2].reason, "by much");
}

TEST_F(CheckProcesses, AnAbortIsAnAnswerAndTheRestIsCheckedByAnother) {
  const auto verdicts = check(
      "echo $# >> $runs\n"
      "if [ $# = 4 ]; then echo layout 0 prepared; echo layout 0 right; echo layout 1 prepared; echo 'ASSERT failed' "
      ">&2; "
      "kill -ABRT $$; fi\n"
      "echo layout 0 prepared; echo layout 0 right\n");
  EXPECT_EQ(runs(), "4\n2\n");
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_EQ(verdicts[0].state, LayoutState::right);
  EXPECT_EQ(verdicts[1].state, LayoutState::wrong);
  EXPECT_EQ(verdicts[1].reason, "ended the process with signal 6: ASSERT failed");
  EXPECT_EQ(verdicts[2].state, LayoutState::right);
}

TEST_F(CheckProcesses, AnEndBeforeTheDeviceComputesSaysNothingOfTheLayout) {
  const auto verdicts = check("exit 3\n");
  ASSERT_EQ(verdicts.size(), 3u);
  for (const LayoutVerdict& verdict : verdicts) {
    EXPECT_EQ(verdict.state, LayoutState::unknown);
    EXPECT_EQ(verdict.reason, "ended the process with status 3");
  }
}

TEST_F(CheckProcesses, WhatComesToNoEndIsEndedAndWrong) {
  cases_.resize(1);
  const auto verdicts = check("echo layout 0 prepared; exec sleep 1000\n", std::chrono::milliseconds(200));
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_NE(verdicts[0].state, LayoutState::right);
  EXPECT_TRUE(verdicts[0].reason.contains("came to no end")) << verdicts[0].reason;
}

TEST_F(CheckProcesses, AProgramThatIsMissingLeavesAllUnknown) {
  DeviceInfo info;
  const auto verdicts = check_in_processes({.command = {(folder_ / "none").string()}}, Device(info, nullptr), cases_);
  ASSERT_EQ(verdicts.size(), 3u);
  for (const LayoutVerdict& verdict : verdicts) EXPECT_EQ(verdict.state, LayoutState::unknown);
}

// The other side, in a process of its own: what it writes is what check_line() reads.
TEST(AnswerChecks, OfRealKernelsAreRight) {
  EXPECT_IN_NEW_PROCESS([]() -> std::string {
    testing::internal::CaptureStdout();
    answer_checks("cpu", {"CPU/q8_0/matrix", "CPU/q8_0/circle"});
    std::istringstream lines(testing::internal::GetCapturedStdout());
    std::vector<CheckLine> said;
    for (std::string line; std::getline(lines, line);)
      if (auto one = check_line(line)) said.push_back(*one);
    if (said.size() != 3 || !said[0].prepared) return "the lines are others";
    if (said[1].verdict.state != LayoutState::right) return said[1].verdict.reason;
    return said[2].index == 1 && said[2].verdict.state == LayoutState::unknown ? ""
                                                                               : "a case that is none has a verdict";
  });
}

}  // namespace
}  // namespace exogpu::gpu
