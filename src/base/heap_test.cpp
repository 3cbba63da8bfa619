#include "base/heap.h"

#include <gtest/gtest.h>

#include <barrier>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/sanitizer.h"

namespace exogpu {
namespace {

#if defined(__GLIBC__)
size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  size_t kib = 0;
  while (status >> word && word != "RssAnon:") {
  }
  status >> kib;
  return kib;
}

TEST(Heap, FreedMemoryBetweenAllocationsIsReturned) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has a heap of its own";
  constexpr size_t kPiece = 16384, kPieces = 4096;  // 64 MiB
  std::vector<std::unique_ptr<char[]>> freed, remaining;
  for (size_t i = 0; i < kPieces; ++i) {
    freed.push_back(std::make_unique<char[]>(kPiece));  // set to zero, and so resident
    remaining.push_back(std::make_unique<char[]>(64));
  }
  freed.clear();
  const size_t before = resident_kib();
  give_back_freed_memory();
  EXPECT_LT(resident_kib() + 32 * 1024, before);
}
#endif

TEST(Heap, ManyThreadsMayGiveBackAtOnce) {
  std::barrier start(8);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&start] {
      start.arrive_and_wait();
      give_back_freed_memory();
    });
  }
}

}  // namespace
}  // namespace exogpu
