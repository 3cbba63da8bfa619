#include "model/library.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "base/testing/temp_dir.h"

namespace exogpu::model {
namespace {

namespace fs = std::filesystem;
using exogpu::testing::TempDir;

struct LibraryTest : ::testing::Test {
  TempDir dir;
  Library library{dir / "models"};

  fs::path add(const std::string& name, size_t bytes = 10) {
    const fs::path path = library.folder() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << std::string(bytes, 'x');
    return path;
  }
  std::vector<std::string> names() {
    std::vector<std::string> result;
    auto entries = library.list();
    EXPECT_TRUE(entries) << entries.error().message;
    for (const LibraryEntry& entry : *entries) result.push_back(entry.name);
    return result;
  }
  std::string found(std::string_view name) {
    auto entry = library.find(name);
    return entry ? entry->name : "error: " + entry.error().message;
  }
};

using Names = std::vector<std::string>;

TEST_F(LibraryTest, AMissingFolderIsEmpty) {
  EXPECT_EQ(names(), Names{});
  EXPECT_EQ(library.find("x").error().code, ErrorCode::not_found);
}

TEST_F(LibraryTest, AFileInPlaceOfTheFolderIsAnError) {
  std::ofstream(library.folder()) << "x";
  EXPECT_EQ(library.list().error().code, ErrorCode::io_error);
}

TEST_F(LibraryTest, ListsModelsAndNothingElse) {
  add("b.gguf");
  add("org/repo/a-Q8_0.gguf", 7);
  add("org/repo/README.md");
  fs::create_directories(library.folder() / "folder.gguf");
  fs::create_symlink("nowhere", library.folder() / "dangling.gguf");
  fs::create_directory_symlink(library.folder(), library.folder() / "circle");
  EXPECT_EQ(names(), (Names{"b", "org/repo/a-Q8_0"}));
  const auto entry = library.find("org/repo/a-Q8_0");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->bytes, 7u);
  EXPECT_TRUE(entry->complete());
  EXPECT_LT(std::chrono::system_clock::now() - entry->changed, std::chrono::minutes(1));
}

TEST_F(LibraryTest, PartsAreOneModel) {
  const fs::path second = add("m-00002-of-00003.gguf");
  const fs::path first = add("m-00001-of-00003.gguf");
  add("m-00003-of-00003.gguf.part", 5);
  add("m-00003-of-00003.gguf.part.json", 5);
  add("m.gguf");
  ASSERT_EQ(names(), (Names{"m", "m"}));
  const LibraryEntry split = library.list()->at(1);
  EXPECT_EQ(split.parts, 3u);
  EXPECT_EQ(split.files, (std::vector<fs::path>{first, second}));
  EXPECT_EQ(split.unfinished.size(), 1u);
  EXPECT_EQ(split.bytes, 25u);
  EXPECT_FALSE(split.complete());
  EXPECT_EQ(library.find("m-00001-of-00003.gguf")->parts, 3u);
  EXPECT_EQ(library.find("m.gguf")->parts, 1u);
  EXPECT_TRUE(found("m").contains("several"));
}

TEST_F(LibraryTest, NamesAreFound) {
  add("org/repo/a-Q8_0.gguf");
  add("org/repo/a-Q4_K_M.gguf");
  add("org/alone/b-Q8_0-00001-of-00002.gguf");
  add("a.gguf");
  for (const char* name : {"a", "a.gguf"}) EXPECT_EQ(found(name), "a");
  for (const char* name : {"a-Q8_0", "repo/a-Q8_0", "org/repo/a-Q8_0.gguf", "org/repo:q8_0", "repo:Q8_0"})
    EXPECT_EQ(found(name), "org/repo/a-Q8_0") << name;
  for (const char* name : {"b-Q8_0", "b-Q8_0-00001-of-00002.gguf", "org/alone", "alone", "alone:Q8_0"})
    EXPECT_EQ(found(name), "org/alone/b-Q8_0") << name;
  EXPECT_EQ(found("org/repo"),
            "error: org/repo: matches several models; name one of org/repo/a-Q4_K_M, org/repo/a-Q8_0");
  EXPECT_TRUE(found("a-Q8_1").contains("no such model in")) << found("a-Q8_1");
  EXPECT_TRUE(found("a-Q8_1").contains("near it: a-Q8_0")) << found("a-Q8_1");
  EXPECT_TRUE(found("").starts_with("error: ")) << found("");
  EXPECT_TRUE(found("rg/repo/a-Q8_0").starts_with("error: "));
}

TEST_F(LibraryTest, RemovesAModelAndItsEmptyFolders) {
  add("org/repo/a-00001-of-00002.gguf");
  add("org/repo/a-00002-of-00002.gguf.part");
  add("org/repo/a-00002-of-00002.gguf.part.json");
  add("org/other/b.gguf");
  ASSERT_TRUE(library.remove(*library.find("org/repo/a")));
  EXPECT_EQ(names(), Names{"org/other/b"});
  EXPECT_FALSE(fs::exists(library.folder() / "org" / "repo"));
  ASSERT_TRUE(library.remove(*library.find("b")));
  EXPECT_TRUE(fs::is_empty(library.folder()));
}

TEST_F(LibraryTest, WhatIsBeingFetchedStays) {
  const fs::path part = add("a.gguf.part");
  const int fd = ::open(part.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  const auto entry = library.find("a");
  ASSERT_TRUE(entry);
  EXPECT_EQ(library.remove(*entry).error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(fs::exists(part));
  ::close(fd);
  EXPECT_TRUE(library.remove(*entry));
  EXPECT_FALSE(fs::exists(part));
}

TEST_F(LibraryTest, UseIsNoted) {
  const fs::path file = add("a.gguf");
  const timespec old[2] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 2000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), old, 0), 0);
  auto entry = library.find("a");
  EXPECT_EQ(entry->used, std::chrono::system_clock::time_point(std::chrono::seconds(1000)));
  mark_used(*entry);
  entry = library.find("a");
  EXPECT_LT(std::chrono::system_clock::now() - entry->used, std::chrono::minutes(1));
  EXPECT_EQ(entry->changed, std::chrono::system_clock::time_point(std::chrono::seconds(2000)));
}

TEST(LibraryFolder, FromTheEnvironment) {
  EXPECT_EQ(default_library_folder("/m", "/x", "/h"), "/m");
  EXPECT_EQ(default_library_folder("", "/x", "/h"), "/x/exogpu/models");
  EXPECT_EQ(default_library_folder(nullptr, "relative", "/h"), "/h/.local/share/exogpu/models");
  EXPECT_EQ(default_library_folder(nullptr, nullptr, nullptr), "");
}

}  // namespace
}  // namespace exogpu::model
