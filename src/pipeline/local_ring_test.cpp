#include "pipeline/local_ring.h"

#include <gtest/gtest.h>

#include "pipeline/shard_compute.h"
#include "pipeline/testing/ring_requests.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

class LocalRingTest : public ::testing::Test {
 protected:
  LocalRing ring(std::vector<uint32_t> cuts = {}) {
    std::vector<std::unique_ptr<Compute>> computes;
    for (engine::Shard& shard : engine::testing::load_chain(file, cuts, shard_options(1)).release()) {
      computes.push_back(std::make_unique<ShardCompute>(std::move(shard)));
    }
    return LocalRing(std::move(computes), 512);
  }
  static Told ask(LocalRing& ring, Request wanted, size_t tokens_most = SIZE_MAX) {
    Told told;
    const auto listener = into(told);
    const auto done = ring.generate(std::move(wanted), [&](const TokenEvent& event) {
      listener(event);
      return told.tokens.size() < tokens_most;
    });
    EXPECT_TRUE(done) << done.error().message;
    return told;
  }

  TinyFile file = small();
};

TEST_F(LocalRingTest, WritesWhatTheEngineWritesWithoutARingOnEveryCut) {
  const Request wanted = request(tokens_of(100, 300), 30, 7);
  const auto expected = alone(file, wanted);
  for (const std::vector<uint32_t>& cuts : std::vector<std::vector<uint32_t>>{{}, {1}, {1, 2, 3}}) {
    LocalRing one = ring(cuts);
    const Told told = ask(one, wanted);
    EXPECT_EQ(told.tokens, expected) << cuts.size() << " cuts";
    EXPECT_EQ(told.end, wire::GenerateEnd::length);
  }
}

TEST_F(LocalRingTest, ANextTurnComputesOnlyWhatIsNew) {
  LocalRing one = ring();
  const Request first = request(tokens_of(40, 300), 10, 3);
  Request next = first;
  for (const wire::TokenId token : ask(one, first).tokens) next.tokens.push_back(token);
  next.tokens.push_back(5);
  const Told told = ask(one, next);
  EXPECT_EQ(told.reused, 49U);  // the last token of the answer was chosen, and not computed
  EXPECT_EQ(told.tokens, alone(file, next));
}

TEST_F(LocalRingTest, AnAnswerThatIsCutShortLeavesNothingWrongBehind) {
  LocalRing one = ring({2});
  const Request wanted = request(tokens_of(40, 300), 20, 3);
  EXPECT_EQ(ask(one, wanted, 4).tokens.size(), 4U);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_TRUE(one.generate(wanted, [](const TokenEvent&) { return true; }, stopped.get_token()));
  EXPECT_EQ(ask(one, wanted).tokens, alone(file, wanted));
}

TEST_F(LocalRingTest, RefusesWhatTheSchedulerRefuses) {
  LocalRing one = ring();
  const auto none = one.generate(request({}, 5, 1), [](const TokenEvent&) { return true; });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(ask(one, request(tokens_of(3, 300), 2, 1)).tokens.size(), 2U);
}

}  // namespace
}  // namespace exogpu::pipeline
