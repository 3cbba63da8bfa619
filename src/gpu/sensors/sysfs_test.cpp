#include "gpu/sensors/sysfs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

TEST(Sysfs, ReadsOneNumberAndNothingElse) {
  FakeSysfs tree;
  const auto integer = [&](const std::string& text) {
    tree.write("file", text);
    return read_integer(tree.root() / "file");
  };
  EXPECT_EQ(integer("45000\n"), 45000);
  EXPECT_EQ(integer(" -5 \n"), -5);
  EXPECT_EQ(integer("0"), 0);
  EXPECT_EQ(integer("9223372036854775807\n"), INT64_MAX);
  for (const char* bad :
       {"", "\n", "9223372036854775808\n", "45 C", "12\n13\n", "0x10", "1.5", "+", "-", "N/A", "\xff\xfe"}) {
    EXPECT_EQ(integer(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(integer(std::string(1 << 20, '7')), std::nullopt);
  EXPECT_EQ(integer(std::string("5\0", 2)), std::nullopt);
}

TEST(Sysfs, WhatCannotBeReadIsAbsent) {
  FakeSysfs tree;
  EXPECT_EQ(read_text(tree.root() / "missing"), std::nullopt);
  tree.folder("folder");
  EXPECT_EQ(read_text(tree.root() / "folder"), std::nullopt);
  tree.link("loop", "loop");
  EXPECT_EQ(read_text(tree.root() / "loop"), std::nullopt);
  tree.link("dangling", "nowhere");
  EXPECT_EQ(read_text(tree.root() / "dangling"), std::nullopt);
  ASSERT_EQ(mkfifo((tree.root() / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_text(tree.root() / "pipe"), std::nullopt);
  EXPECT_EQ(read_text("/proc/self/mem"), std::nullopt);  // opens, and fails to read
  tree.write("forbidden", "1");
  ASSERT_EQ(chmod((tree.root() / "forbidden").c_str(), 0), 0);
  if (geteuid() != 0) {
    EXPECT_EQ(read_text(tree.root() / "forbidden"), std::nullopt);
  }
}

TEST(Sysfs, ListsEntriesByName) {
  FakeSysfs tree;
  for (const char* name : {"hwmon3", "hwmon0", "other", "hwmon10"}) tree.folder(name);
  const auto& root = tree.root();
  EXPECT_EQ(entries(root, "hwmon"),
            (std::vector<std::filesystem::path>{root / "hwmon0", root / "hwmon10", root / "hwmon3"}));
  EXPECT_TRUE(entries(root / "missing", "").empty());
}

}  // namespace
}  // namespace exogpu::gpu
