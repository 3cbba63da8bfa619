#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "base/assert.h"

namespace exogpu::log {
namespace {

// Logs to a file during a test, and to standard error afterwards.
class Log : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_TRUE(start({.level = Level::warning, .node = {}}));
    std::filesystem::remove(path_);
  }
  std::string text() const {
    std::stringstream out;
    out << std::ifstream(path_).rdbuf();
    return out.str();
  }
  std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) / std::format("exogpu-log-{}", getpid());
};

TEST_F(Log, ALineHasTimeLevelNodeAndRoom) {
  ASSERT_TRUE(start({.level = Level::info, .node = "desk 100 %d", .file = path_}));
  info("node", "{} is offline: {}", "laptop", "the connection broke");
  const std::string written = text();
  const size_t time = written.find(' ');
  ASSERT_EQ(time, std::string_view("2026-11-29T17:40:00.123Z").size()) << written;
  EXPECT_EQ(written[10], 'T');
  EXPECT_EQ(written[time - 1], 'Z');
  EXPECT_EQ(written.substr(time), " info    desk 100 %d node: laptop is offline: the connection broke\n");
}

TEST_F(Log, WhatIsBelowTheLevelIsNotWritten) {
  ASSERT_TRUE(start({.level = Level::warning, .node = {}, .file = path_}));
  info("node", "quiet");
  warning("node", "loud");
  EXPECT_EQ(text().find("quiet"), std::string::npos);
  EXPECT_NE(text().find("loud"), std::string::npos);
}

TEST_F(Log, AnEventIsOneLineWithAnyText) {
  ASSERT_TRUE(start({.level = Level::info, .node = {}, .file = path_}));
  info("net", "a peer named {}", "x\n<0> error everything is broken\x1b[2J");
  const std::string written = text();
  EXPECT_EQ(std::ranges::count(written, '\n'), 1);
  EXPECT_EQ(written.find('\x1b'), std::string::npos);
}

TEST_F(Log, LinesOfSeveralThreadsAreNotMixed) {
  ASSERT_TRUE(start({.level = Level::info, .node = {}, .file = path_}));
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) info("test", "{}", std::string(100, 'x'));
      });
    }
  }
  std::istringstream lines(text());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_TRUE(line.ends_with("test: " + std::string(100, 'x')));
  EXPECT_EQ(count, 800);
}

TEST_F(Log, AFileThatCannotBeOpenedIsAnError) {
  std::ofstream(path_) << "a file, and no folder";
  const auto opened = start({.level = Level::info, .node = {}, .file = path_ / "a-file"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::io_error);
  EXPECT_NE(opened.error().message.find("a-file"), std::string::npos);
}

TEST_F(Log, AFileThatIsMovedAwayIsFollowedByANewOne) {
  const std::filesystem::path moved = path_.string() + ".1";
  ASSERT_TRUE(start({.level = Level::info, .node = {}, .file = path_}));
  info("test", "first");
  std::filesystem::rename(path_, moved);
  info("test", "second");
  EXPECT_TRUE(text().ends_with(" info    test: second\n")) << text();
  EXPECT_EQ(text().find("first"), std::string::npos);
  std::filesystem::rename(path_, moved);
  std::ofstream(path_) << "made by logrotate\n";
  info("test", "third");
  EXPECT_TRUE(text().starts_with("made by logrotate\n")) << text();
  EXPECT_TRUE(text().ends_with("third\n")) << text();
  std::filesystem::remove(moved);
}

TEST_F(Log, AFullDiskIsIgnored) {
  ASSERT_TRUE(start({.level = Level::info, .node = {}, .file = "/dev/full"}));
  for (int i = 0; i < 1000; ++i) info("test", "{}", std::string(1000, 'x'));
}

TEST(LogLevel, IsReadAsItIsWritten) {
  for (const Level level : {Level::debug, Level::info, Level::warning, Level::error, Level::off}) {
    EXPECT_EQ(parse_level(to_string(level)), level);
  }
  EXPECT_FALSE(parse_level("loud"));
}

TEST(AssertDeathTest, ReportsItsPlaceInEveryBuild) {
  EXO_ASSERT(1 + 1 == 2, "never seen");
  EXPECT_DEATH(EXO_ASSERT(1 + 1 == 3, "sums are right"), "log_test.cpp:[0-9]+: sums are right");
}

}  // namespace
}  // namespace exogpu::log
