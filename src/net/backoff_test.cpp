#include "net/backoff.h"

#include <gtest/gtest.h>

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsLimitAndEnds) {
  const BackoffOptions options{.attempts = 10, .first = 100ms, .most = 1s};
  Duration whole = 100ms;
  for (uint32_t attempt = 1; attempt < 10; ++attempt) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const auto wait = backoff_after(attempt, options, seed);
      ASSERT_TRUE(wait);
      EXPECT_GE(*wait, whole / 2);
      EXPECT_LE(*wait, whole);
    }
    whole = std::min<Duration>(whole * 2, 1s);
  }
  EXPECT_EQ(backoff_after(10, options, 1), std::nullopt);
  EXPECT_NE(backoff_after(3, options, 1), backoff_after(3, options, 2));
}

}  // namespace
}  // namespace exogpu::net
