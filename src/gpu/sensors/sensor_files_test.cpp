#include "gpu/sensors/sensor_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

using std::chrono::seconds;

const SensorFiles::Time kLookedAt{seconds(1000)};

size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST(SensorFiles, WhatAFileHasIsReadEachTime) {
  FakeSysfs tree;
  tree.write("temp", "45000\n");
  SensorFiles files(tree.root(), seconds(60));
  files.begin(kLookedAt);
  EXPECT_EQ(files.integer(tree.root() / "temp"), 45000);
  tree.write("temp", "46000\n");
  EXPECT_EQ(files.integer(tree.root() / "temp"), 46000);
  tree.write("temp", "");
  EXPECT_EQ(files.integer(tree.root() / "temp"), std::nullopt);
  tree.write("temp", "garbage");
  EXPECT_EQ(files.integer(tree.root() / "temp"), std::nullopt);
  EXPECT_EQ(files.text(tree.root() / "temp"), "garbage");
}

TEST(SensorFiles, FilesAndFoldersAreLookedUpAgainAfterAWhile) {
  FakeSysfs tree;
  tree.write("name", "old");
  tree.folder("hwmon1");
  SensorFiles files(tree.root(), seconds(60));
  files.begin(kLookedAt);
  EXPECT_EQ(files.integer(tree.root() / "late"), std::nullopt);
  EXPECT_EQ(files.fixed_text(tree.root() / "name"), "old");
  EXPECT_EQ(files.entries(tree.root(), "hwmon").size(), 1U);
  tree.write("late", "1");
  tree.write("name", "new");
  tree.folder("hwmon0");
  files.begin(kLookedAt + seconds(59));
  EXPECT_EQ(files.integer(tree.root() / "late"), std::nullopt);
  EXPECT_EQ(files.fixed_text(tree.root() / "name"), "old");
  EXPECT_EQ(files.entries(tree.root(), "hwmon").size(), 1U);
  files.begin(kLookedAt + seconds(60));
  EXPECT_EQ(files.integer(tree.root() / "late"), 1);
  EXPECT_EQ(files.fixed_text(tree.root() / "name"), "new");
  EXPECT_EQ(files.entries(tree.root(), "hwmon").size(), 2U);
}

TEST(SensorFiles, OpenFilesAreFewAndAreClosed) {
  FakeSysfs tree;
  const size_t before = open_descriptors();
  {
    SensorFiles files(tree.root(), seconds(60));
    files.begin(kLookedAt);
    for (int i = 0; i < 300; ++i) {
      const std::string name = "file" + std::to_string(i);
      tree.write(name, std::to_string(i));
      EXPECT_EQ(files.integer(tree.root() / name), i);
      EXPECT_EQ(files.integer(tree.root() / name), i);
    }
    EXPECT_LE(open_descriptors(), before + 200);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(SensorFiles, NothingButAFileIsRead) {
  FakeSysfs tree;
  tree.folder("folder");
  tree.link("loop", "loop");
  ASSERT_EQ(mkfifo((tree.root() / "pipe").c_str(), 0600), 0);
  SensorFiles files(tree.root());
  files.begin(kLookedAt);
  for (const char* name : {"folder", "loop", "pipe", "missing"}) {
    EXPECT_EQ(files.text(tree.root() / name), std::nullopt) << name;
    EXPECT_EQ(files.fixed_text(tree.root() / name), "") << name;
    EXPECT_TRUE(files.entries(tree.root() / name, "x").empty()) << name;
  }
}

}  // namespace
}  // namespace exogpu::gpu
