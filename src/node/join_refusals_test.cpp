#include "node/join_refusals.h"

#include <gtest/gtest.h>

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;

TEST(JoinRefusals, AreReportedOnceAMinute) {
  const net::Admission refused{
      .from = "192.0.2.7", .name = {}, .by_code = true, .outcome = fail(ErrorCode::unauthenticated, "it is wrong")};
  JoinRefusals refusals;
  const JoinRefusals::Time begun{1h};
  EXPECT_EQ(refusals.note(refused, begun),
            "1 requests to join were refused, the last from 192.0.2.7 by a code: it is wrong");
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(refusals.note(refused, begun + 59s));
  EXPECT_TRUE(refusals.note(refused, begun + 60s)->starts_with("1001 requests"));
  EXPECT_FALSE(refusals.note(refused, begun + 61s));
}

}  // namespace
}  // namespace exogpu::node
