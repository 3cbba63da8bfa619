#include "pipeline/buffer_pool.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace exogpu::pipeline {
namespace {

TEST(BufferPool, ReusesMemoryOnceItIsReleased) {
  int allocated = 0;
  BufferPool pool([&](size_t bytes) {
    ++allocated;
    return std::make_shared<std::byte[]>(bytes);
  });
  Buffer first = pool.take(5000);
  EXPECT_EQ(first.bytes().size(), 5000);
  std::byte* const begin = first.bytes().data();
  const auto owner = first.owner();
  first = {};
  EXPECT_NE(pool.take(5000).bytes().data(), begin) << "it was still in use";
  EXPECT_EQ(allocated, 2);
}

TEST(BufferPool, GivesBackWhatFits) {
  int allocated = 0;
  BufferPool pool([&](size_t bytes) {
    ++allocated;
    return std::make_shared<std::byte[]>(bytes);
  });
  pool.take(5000);
  pool.take(6000);
  EXPECT_EQ(allocated, 1);
  pool.take(9000);
  EXPECT_EQ(allocated, 2);
}

TEST(BufferPool, TakesOrdinaryMemoryWhereThereIsNoOther) {
  BufferPool pool([](size_t) { return std::shared_ptr<std::byte[]>(); });
  Buffer buffer = pool.take(100);
  std::ranges::fill(buffer.bytes(), std::byte{1});
  EXPECT_EQ(buffer.bytes().size(), 100);
}

TEST(BufferPool, BuffersOutliveIt) {
  Buffer buffer;
  {
    BufferPool pool;
    buffer = pool.take(100);
  }
  std::ranges::fill(buffer.bytes(), std::byte{1});
}

}  // namespace
}  // namespace exogpu::pipeline
