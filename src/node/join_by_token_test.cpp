#include "node/join_by_token.h"

#include <gtest/gtest.h>

#include <deque>

namespace exogpu::node {
namespace {

using std::chrono::milliseconds;

// Attempts with the results of a list, in order.
class JoinByToken : public ::testing::Test {
 protected:
  Result<void> run(const std::vector<Address>& nodes, std::deque<Result<void>> results) {
    results_ = std::move(results);
    return repeat_until_joined(nodes, {.attempt =
                                           [this](const Address&) {
                                             auto result = results_.front();
                                             results_.pop_front();
                                             return result;
                                           },
                                       .pause = [this](milliseconds time) { pauses_.push_back(time); },
                                       .note = [this](const std::string& text) { notes_.push_back(text); }});
  }
  static Result<void> down() {
    return fail(ErrorCode::unavailable, "desk:7766: cannot be reached: Connection refused");
  }
  static Result<void> slow() { return fail(ErrorCode::deadline_exceeded, "desk:7766: it took too long"); }
  static Result<void> refused() { return fail(ErrorCode::unauthenticated, "this token is not known here"); }

  std::vector<milliseconds> pauses_;
  std::vector<std::string> notes_;
  std::deque<Result<void>> results_;
};

const std::vector<Address> kOne{{.host = "desk", .port = 7766}};
const std::vector<Address> kTwo{{.host = "desk", .port = 7766}, {.host = "lamp", .port = 7766}};

TEST_F(JoinByToken, KeepsTryingUntilTheOtherMachineIsUp) {
  EXPECT_TRUE(run(kOne, {down(), down(), down(), slow(), slow(), {}}));
  // One note for each state, not for each attempt.
  ASSERT_EQ(notes_.size(), 2U);
  EXPECT_EQ(notes_[0], "desk:7766: cannot be reached: Connection refused; trying again until this node has joined");
  EXPECT_TRUE(notes_[1].starts_with("desk:7766: it took too long")) << notes_[1];
  EXPECT_EQ(pauses_.size(), 5U);
  EXPECT_GT(pauses_.back(), pauses_.front());
}

TEST_F(JoinByToken, PausesGrowToABound) {
  std::deque<Result<void>> results(40, down());
  results.push_back({});
  EXPECT_TRUE(run(kOne, std::move(results)));
  EXPECT_LE(pauses_.back(), milliseconds(15'000));
  EXPECT_GE(pauses_.back(), milliseconds(7'500));
}

TEST_F(JoinByToken, AWrongTokenEndsAtOnce) {
  const auto joined = run(kOne, {refused()});
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, ErrorCode::unauthenticated);
  EXPECT_TRUE(pauses_.empty());
  EXPECT_TRUE(notes_.empty());
  // Also after the machine has come up.
  EXPECT_FALSE(run(kOne, {down(), refused()}));
}

TEST_F(JoinByToken, TheNodeThatIssuedTheTokenMayBeTheOneThatIsDown) {
  EXPECT_TRUE(run(kTwo, {down(), refused(), {}}));
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_TRUE(notes_[0].contains("not known here")) << notes_[0];
  EXPECT_FALSE(run(kTwo, {refused(), refused()}));
}

}  // namespace
}  // namespace exogpu::node
