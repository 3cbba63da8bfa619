#include "net/keepalive.h"

#include <gtest/gtest.h>

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using Verdict = Keepalive::Verdict;

const SteadyTime kStart{};

TEST(Keepalive, PingsAtItsIntervalAndTimesOut) {
  Keepalive keepalive(250ms, 1s, kStart);
  EXPECT_EQ(keepalive.next_check(), kStart + 250ms);
  EXPECT_EQ(keepalive.check(kStart + 100ms), Verdict::fine);
  EXPECT_EQ(keepalive.check(kStart + 250ms), Verdict::ping);
  EXPECT_EQ(keepalive.check(kStart + 300ms), Verdict::fine);
  EXPECT_EQ(keepalive.check(kStart + 500ms), Verdict::ping);
  EXPECT_EQ(keepalive.check(kStart + 750ms), Verdict::ping);
  EXPECT_EQ(keepalive.next_check(), kStart + 1s);
  EXPECT_EQ(keepalive.check(kStart + 999ms), Verdict::fine);
  EXPECT_EQ(keepalive.check(kStart + 1s), Verdict::dead);
}

TEST(Keepalive, IsWatchedMoreOrLessClosely) {
  Keepalive keepalive(250ms, 1s, kStart);
  keepalive.watch(15s, 45s, kStart + 900ms);
  EXPECT_EQ(keepalive.check(kStart + 900ms), Verdict::ping);
  EXPECT_EQ(keepalive.check(kStart + 5s), Verdict::fine);
  EXPECT_EQ(keepalive.check(kStart + 15900ms), Verdict::ping);
  keepalive.watch(250ms, 1s, kStart + 30s);
  for (auto t = 30s + 0ms; t < 31s; t += 250ms) EXPECT_EQ(keepalive.check(kStart + t), Verdict::ping);
  EXPECT_EQ(keepalive.check(kStart + 31s), Verdict::dead);
}

TEST(Keepalive, AnyReceivedByteCounts) {
  Keepalive keepalive(250ms, 1s, kStart);
  for (auto t = 250ms; t < 10s; t += 250ms) {
    if (t % 750ms == 0ms) keepalive.received(kStart + t);
    EXPECT_EQ(keepalive.check(kStart + t), Verdict::ping);
  }
}

TEST(Keepalive, AfterAnOwnPauseTheTimeoutRestarts) {
  Keepalive keepalive(250ms, 1s, kStart);
  EXPECT_EQ(keepalive.check(kStart + 1h), Verdict::ping);
  EXPECT_EQ(keepalive.check(kStart + 1h + 500ms), Verdict::ping);
  EXPECT_EQ(keepalive.check(kStart + 1h + 999ms), Verdict::ping);
  EXPECT_EQ(keepalive.check(kStart + 1h + 1s), Verdict::dead);
}

}  // namespace
}  // namespace exogpu::net
