#include "node/early_requests.h"

#include <gtest/gtest.h>

#include "node/testing/generation_log.h"

namespace exogpu::node {
namespace {

using testing::GenerationLog;
using Lines = std::vector<std::string>;
using namespace std::chrono_literals;

class EarlyRequestsTest : public ::testing::Test {
 protected:
  std::shared_ptr<GenerationLog> add(std::chrono::milliseconds wait, std::stop_token cancel = {}) {
    auto log = std::make_shared<GenerationLog>();
    early_.add({{}, log, std::move(cancel), now_ + wait, {ErrorCode::unavailable, "loading"}}, now_);
    return log;
  }
  static bool keep(EarlyRequests::Request& request) {
    request.why = {ErrorCode::unavailable, "still loading"};
    return false;
  }

  EarlyRequests early_;
  EarlyRequests::Clock::time_point now_{1h};
};

TEST_F(EarlyRequestsTest, WhatWaitsForNothingEndsAtOnce) { EXPECT_EQ(add(0ms)->lines, Lines{"error: loading"}); }

TEST_F(EarlyRequestsTest, EndsWithTheLatestReasonWhenItsTimeIsOver) {
  const auto brief = add(1s);
  const auto patient = add(5s);
  early_.retry(now_ + 900ms, keep);
  EXPECT_TRUE(brief->lines.empty());
  early_.retry(now_ + 1s, keep);
  EXPECT_EQ(brief->lines, Lines{"error: still loading"});
  EXPECT_TRUE(patient->lines.empty());
  early_.fail_all({ErrorCode::unavailable, "the node is stopping"});
  EXPECT_EQ(patient->lines, Lines{"error: the node is stopping"});
}

TEST_F(EarlyRequestsTest, StartsInTheOrderOfArrivalAndNoneTwice) {
  const auto first = add(1s);
  const auto second = add(1s);
  std::vector<GenerationListener*> started;
  const auto start = [&](EarlyRequests::Request& request) {
    started.push_back(request.listener.get());
    return true;
  };
  early_.retry(now_ + 2s, start);  // late, but it can be served
  early_.retry(now_ + 3s, start);
  EXPECT_EQ(started, (std::vector<GenerationListener*>{first.get(), second.get()}));
  EXPECT_TRUE(first->lines.empty());
}

TEST_F(EarlyRequestsTest, ACancelledOneEnds) {
  std::stop_source cancel;
  const auto log = add(5s, cancel.get_token());
  cancel.request_stop();
  early_.retry(now_, [](EarlyRequests::Request&) { return true; });
  EXPECT_EQ(log->lines, Lines{"error: the request was cancelled"});
}

TEST_F(EarlyRequestsTest, TheirNumberIsBounded) {
  std::vector<std::shared_ptr<GenerationLog>> logs;
  for (size_t i = 0; i < EarlyRequests::kMost; ++i) logs.push_back(add(5s));
  EXPECT_EQ(add(5s)->lines, Lines{"error: loading"});
  EXPECT_TRUE(logs.back()->lines.empty());
}

}  // namespace
}  // namespace exogpu::node
