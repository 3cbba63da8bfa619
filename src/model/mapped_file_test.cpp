// The behaviour of a mapping whose file is changed.
#include "model/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "base/sanitizer.h"
#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "model/mapping_guard.h"

namespace exogpu::model {
namespace {

namespace fs = std::filesystem;
using exogpu::testing::expect_error;

constexpr size_t kBytes = 1'000'000;

struct MappedFileTest : ::testing::Test {
  exogpu::testing::TempDir folder;
  fs::path path = folder / "m.gguf";

  MappedFileTest() { write('x', kBytes, path); }
  static void write(char letter, size_t bytes, const fs::path& to) {
    std::ofstream(to, std::ios::binary) << std::string(bytes, letter);
  }
  // Overwrites the file in place: inode and size stay.
  void overwrite() const {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file.put('y');
  }
  // File times have a resolution of several milliseconds.
  void wait_for_clock() const {
    struct stat before{}, now{};
    ASSERT_EQ(stat(path.c_str(), &before), 0);
    const fs::path probe = folder / "probe";
    do {
      write('p', 1, probe);
      ASSERT_EQ(stat(probe.c_str(), &now), 0);
    } while (now.st_mtim.tv_sec == before.st_mtim.tv_sec && now.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
  }
};

size_t count(std::span<const std::byte> bytes, char letter) {
  return static_cast<size_t>(std::ranges::count(bytes, static_cast<std::byte>(letter)));
}

TEST_F(MappedFileTest, AnUnchangedFileIsGood) {
  const MappedFile file = MappedFile::open(path).value();
  EXPECT_EQ(count(file.bytes(), 'x'), kBytes);
  EXPECT_TRUE(file.check());
}

TEST_F(MappedFileTest, AFileCutShortReadsAsZerosOnEveryThreadAndSaysSo) {
  const MappedFile file = MappedFile::open(path).value();
  fs::resize_file(path, 1000);
  std::atomic<size_t> letters = 0, zeros = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 8; ++i) {
      readers.emplace_back([&] {
        letters += count(file.bytes(), 'x');
        zeros += count(file.bytes(), '\0');
      });
    }
  }
  EXPECT_EQ(letters, 8 * 1000u);
  EXPECT_EQ(zeros, 8 * (kBytes - 1000));
  expect_error(file.check(), ErrorCode::unavailable,
               "m.gguf: had 1,000,000 bytes when it was opened and has 1,000 now");
}

TEST_F(MappedFileTest, ItIsNoLongerGoodWhenTheFileIsPutBack) {
  const MappedFile file = MappedFile::open(path, FileWrites::expected).value();
  fs::resize_file(path, 1000);
  EXPECT_EQ(count(file.bytes(), '\0'), kBytes - 1000);
  write('x', kBytes, path);
  expect_error(file.check(), ErrorCode::unavailable, "m.gguf");
  EXPECT_TRUE(MappedFile::open(path)->check());
}

TEST_F(MappedFileTest, AFileWrittenToInPlaceSaysSo) {
  const MappedFile file = MappedFile::open(path).value();
  const MappedFile cached = MappedFile::open(path, FileWrites::expected).value();
  wait_for_clock();
  overwrite();
  expect_error(file.check(), ErrorCode::unavailable, "m.gguf: was changed while it was in use");
  EXPECT_TRUE(cached.check()) << "a file that grows piece by piece is written to";
}

TEST_F(MappedFileTest, AFileReplacedOrRemovedIsStillGood) {
  const MappedFile file = MappedFile::open(path).value();
  wait_for_clock();
  write('z', kBytes / 2, folder / "new");
  fs::rename(folder / "new", path);
  EXPECT_TRUE(file.check());
  fs::remove(path);
  EXPECT_TRUE(file.check());
  EXPECT_EQ(count(file.bytes(), 'x'), kBytes);
}

TEST_F(MappedFileTest, OtherFilesAreNotConcerned) {
  const fs::path other_path = folder / "other.gguf";
  write('o', kBytes, other_path);
  const MappedFile file = MappedFile::open(path).value();
  const MappedFile other = MappedFile::open(other_path).value();
  fs::resize_file(path, 0);
  EXPECT_EQ(count(file.bytes(), '\0'), kBytes);
  EXPECT_FALSE(file.check());
  EXPECT_TRUE(other.check());
  EXPECT_EQ(count(other.bytes(), 'o'), kBytes);
}

TEST_F(MappedFileTest, ManyFilesMayBeOpenAndAreForgottenWhenClosed) {
  for (int round = 0; round < 3; ++round) {
    std::vector<MappingGuard> guards;
    static std::vector<std::byte> memory(4096 * 4);
    while (auto guard = guard_mapping(memory.data(), 4096)) guards.push_back(std::move(guard));
    EXPECT_GT(guards.size(), kGuardedMappingsMax / 2);
    expect_error(MappedFile::open(path), ErrorCode::resource_exhausted, "m.gguf");
  }
  EXPECT_TRUE(MappedFile::open(path));
}

TEST_F(MappedFileTest, AFaultElsewhereEndsTheProcessAsBefore) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer reports the signal itself";
  const auto read_beyond_the_end = [this] {
    const MappedFile installs_the_handler = MappedFile::open(path).value();
    const int fd = ::open(path.c_str(), O_RDONLY);
    const auto* bytes = static_cast<const volatile char*>(mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE, fd, 0));
    fs::resize_file(path, 0);
    return bytes[kBytes / 2];
  };
  EXPECT_EXIT((void)read_beyond_the_end(), ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace exogpu::model
