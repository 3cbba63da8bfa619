#include "api/attempts.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

using namespace std::chrono_literals;

constexpr Attempts::Time kBegin{1h};

TEST(Attempts, EachOneAfterAFewCostsTwiceTheTime) {
  Attempts attempts;
  auto now = kBegin;
  for (uint32_t i = 0; i < kAttemptsFree; ++i) {
    attempts.failed("10.0.0.1", now);
    EXPECT_FALSE(attempts.wait("10.0.0.1", now)) << i;
  }
  for (const auto delay : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    attempts.failed("10.0.0.1", now);
    EXPECT_EQ(attempts.wait("10.0.0.1", now), delay);
    EXPECT_FALSE(attempts.wait("10.0.0.2", now)) << "nobody else waits";
    now += delay;
    EXPECT_FALSE(attempts.wait("10.0.0.1", now));
  }
  now += kAttemptsForgotten + 1s;
  attempts.failed("10.0.0.1", now);
  EXPECT_FALSE(attempts.wait("10.0.0.1", now)) << "what was long ago does not count";
}

TEST(Attempts, ANetworkOfIPv6IsOneAddress) {
  Attempts attempts;
  for (uint32_t i = 0; i <= kAttemptsFree; ++i) attempts.failed(std::format("2001:db8::{:x}", i), kBegin);
  EXPECT_TRUE(attempts.wait("2001:db8::ffff:1", kBegin));
  EXPECT_FALSE(attempts.wait("2001:db8:0:1::1", kBegin));
  for (uint32_t i = 0; i <= kAttemptsFree; ++i) attempts.failed("::ffff:10.0.0.1", kBegin);
  EXPECT_TRUE(attempts.wait("10.0.0.1", kBegin));
  EXPECT_FALSE(attempts.wait("10.0.0.2", kBegin));
}

TEST(Attempts, MemoryIsBoundedAndTheLogGetsALineAMinute) {
  Attempts attempts;
  auto now = kBegin;
  size_t lines = 0;
  for (uint32_t i = 0; i < 6'000; ++i) {
    now += 17ms;
    attempts.failed(std::format("10.{}.{}.{}", i % 7, i % 251, i % 256), now);
    if (attempts.report(now)) ++lines;
  }
  EXPECT_EQ(lines, 2U) << "within 102 s";
  now += 1min;
  EXPECT_TRUE(attempts.report(now).value().contains("requests with a wrong API key, the last from 10."));
  EXPECT_FALSE(attempts.report(now + 1h)) << "nothing new";
}

}  // namespace
}  // namespace exogpu::api
