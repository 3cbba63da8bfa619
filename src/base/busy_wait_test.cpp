#include "base/busy_wait.h"

#include <gtest/gtest.h>

namespace exogpu {
namespace {

TEST(BusyWait, IsInactiveWhereItIsNotAllowed) {
  BusyWait busy;
  busy.extend();
  EXPECT_FALSE(busy.active());
}

TEST(BusyWait, EndsSomeTimeAfterTheLastEvent) {
  BusyWait busy;
  busy.allow(true);
  EXPECT_FALSE(busy.active());
  busy.extend();
  EXPECT_TRUE(busy.active());
  busy.wait([] { return false; });
  EXPECT_FALSE(busy.active());
}

TEST(BusyWait, EndsWithTheEvent) {
  BusyWait busy;
  busy.allow(true);
  busy.extend();
  std::atomic<bool> happened = false;
  std::thread other([&] { happened = true; });
  // If the other thread comes late, the wait has ended before.
  busy.wait([&] { return happened.load(); });
  EXPECT_TRUE(happened || !busy.active());
  other.join();
}

}  // namespace
}  // namespace exogpu
