#include "base/mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace exogpu {
namespace {

using namespace std::chrono_literals;

struct Counter {
  Mutex mutex;
  CondVar changed;
  int value EXO_GUARDED_BY(mutex) = 0;
};

TEST(Mutex, OnlyOneThreadHasIt) {
  Counter counter;
  const auto add = [&] {
    for (int i = 0; i < 10'000; ++i) {
      MutexLock lock(counter.mutex);
      ++counter.value;
    }
  };
  std::thread other(add);
  add();
  other.join();
  MutexLock lock(counter.mutex);
  EXPECT_EQ(counter.value, 20'000);
}

TEST(Mutex, ALockMayBeGivenUpForAWhile) {
  Counter counter;
  MutexLock lock(counter.mutex);
  lock.unlock();
  std::thread([&] {
    MutexLock other(counter.mutex);
    counter.value = 1;
  }).join();
  lock.lock();
  EXPECT_EQ(counter.value, 1);
  std::thread([&] {
    const bool locked = counter.mutex.try_lock();
    if (locked) counter.mutex.unlock();
    EXPECT_FALSE(locked);
  }).join();
}

TEST(Mutex, TwoAreLockedInEitherOrder) {
  Counter a, b;
  const auto move_one = [](Counter& from, Counter& to) {
    for (int i = 0; i < 10'000; ++i) {
      TwoMutexLock lock(from.mutex, to.mutex);
      --from.value;
      ++to.value;
    }
  };
  std::thread other([&] { move_one(a, b); });
  move_one(b, a);
  other.join();
  TwoMutexLock lock(a.mutex, b.mutex);
  EXPECT_EQ(a.value, 0);
  EXPECT_EQ(b.value, 0);
}

TEST(CondVar, WakesTheOneThatWaits) {
  Counter counter;
  std::thread other([&] {
    MutexLock lock(counter.mutex);
    counter.value = 1;
    counter.changed.notify_all();
  });
  {
    MutexLock lock(counter.mutex);
    while (counter.value == 0) counter.changed.wait(lock);
    EXPECT_EQ(counter.value, 1);
  }
  other.join();
}

TEST(CondVar, AWaitEndsAtItsTimeout) {
  Counter counter;
  MutexLock lock(counter.mutex);
  const auto begin = std::chrono::steady_clock::now();
  while (counter.changed.wait_until(lock, begin + 20ms)) {
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

}  // namespace
}  // namespace exogpu
