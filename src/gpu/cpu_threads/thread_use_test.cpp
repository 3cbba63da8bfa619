#include "gpu/cpu_threads/thread_use.h"

#include <gtest/gtest.h>

namespace exogpu::gpu {
namespace {

TEST(ThreadUse, SaysHowManyAndWhyNotMore) {
  EXPECT_EQ(to_string(ThreadUse{}), "");
  EXPECT_EQ(to_string(ThreadUse{.threads = 4, .cores = 4}), "4 threads");
  EXPECT_EQ(to_string(ThreadUse{.threads = 1, .cores = 4, .limit = ThreadLimit::others}),
            "1 thread: other processes use 3 of 4 cores");
  EXPECT_EQ(to_string(ThreadUse{.threads = 2, .cores = 64, .limit = ThreadLimit::quota}),
            "2 threads: a quota limits this process to 2 of 64 cores");
  EXPECT_EQ(to_string(ThreadUse{.threads = 2, .cores = 4, .sharing = 2, .limit = ThreadLimit::sharing}),
            "2 threads: models that compute at the same time share 4 cores: 2");
  EXPECT_EQ(to_string(ThreadUse{.threads = 8, .cores = 4, .limit = ThreadLimit::fixed}),
            "8 threads: fixed by --threads");
}

TEST(ThreadUse, IsReadAsItWasSet) {
  SharedThreadUse shared;
  EXPECT_EQ(shared.get(), ThreadUse{});
  const ThreadUse use{.threads = 3, .cores = 4, .limit = ThreadLimit::others};
  shared.set(use);
  EXPECT_EQ(shared.get(), use);
}

}  // namespace
}  // namespace exogpu::gpu
