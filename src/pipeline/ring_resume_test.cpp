// A ring ends, and the next resumes its KV caches.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "pipeline/testing/ring_requests.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

// A ring of four stages ends in the middle of some answers, and another resumes its KV caches.
class AfterALoss : public ::testing::Test {
 protected:
  static constexpr uint32_t kBefore = 12;  // tokens that are received from the first ring
  static constexpr uint32_t kInAll = 30;

  explicit AfterALoss(std::string_view family = "llama") : file_(small(family)) {
    for (uint32_t i = 0; i < 3; ++i) {
      requests_.push_back(request(tokens_of(40 + 60 * i, 64, i), kInAll, i));
      expected_.push_back(alone(file_, requests_.back()));
    }
    RingCluster first(file_, {1, 2, 3}, shard_options(4), {});
    std::vector<Received> received(requests_.size());
    for (size_t i = 0; i < received.size(); ++i) EXPECT_TRUE(first.driver->generate(requests_[i], into(received[i])));
    first.run_until([&] {
      return std::ranges::all_of(received, [](const Received& each) { return each.tokens.size() >= kBefore; });
    });
    resident_ = first.driver->scheduler().resident();
    for (auto& node : first.nodes) remains_.merge(node->ring->end());
    for (size_t i = 0; i < received.size(); ++i) {
      auto& tokens = requests_[i].tokens;
      tokens.insert(tokens.end(), received[i].tokens.begin(), received[i].tokens.end());
      requests_[i].tokens_max = kInAll - static_cast<uint32_t>(received[i].tokens.size());
      received_.push_back(std::move(received[i].tokens));
    }
  }

  Before before(wire::StageRange fresh) {
    return {.epoch = wire::PlanEpoch(4),
            .resumed = ResumedTokens{.resident = resident_, .fresh_stages = fresh},
            .stages = std::move(remains_)};
  }

  // With the next ring. Returns the number of requests that had to be submitted again.
  size_t expect_the_rest(RingCluster& next) {
    size_t again = 0;
    for (size_t i = 0; i < requests_.size(); ++i) {
      Received received;
      EXPECT_TRUE(next.driver->generate(requests_[i], into(received)));
      next.run_until([&] { return received.over(); });
      if (received.interrupted) {
        ++again;
        received = {};
        EXPECT_TRUE(next.driver->generate(requests_[i], into(received)));
        next.run_until([&] { return received.over(); });
      }
      EXPECT_FALSE(received.failure) << received.failure->message;
      std::vector<wire::TokenId> all = received_[i];
      all.insert(all.end(), received.tokens.begin(), received.tokens.end());
      EXPECT_EQ(all, expected_[i]) << "request " << i;
    }
    for (const auto& node : next.nodes) EXPECT_TRUE(node->broken.empty());
    return again;
  }
  uint64_t resident_tokens() const {
    uint64_t tokens = 0;
    for (const auto& sequence : resident_.sequences) tokens += sequence.size();
    return tokens;
  }

  TinyFile file_;
  std::vector<Request> requests_;
  std::vector<std::vector<wire::TokenId>> expected_, received_;
  ResidentTokens resident_;
  std::map<uint32_t, RetainedStage> remains_;
};

using Loss = std::pair<std::string_view, wire::StageRange>;  // of which family, and the stages

class LostStages : public AfterALoss, public ::testing::WithParamInterface<Loss> {
 protected:
  LostStages() : AfterALoss(GetParam().first) {}
};

TEST_P(LostStages, ReplayWhatTheyHadAndNoOtherStageComputesIt) {
  const wire::StageRange fresh = GetParam().second;
  for (uint32_t lost = fresh.begin; lost < fresh.end; ++lost) remains_.erase(lost);
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before(fresh));
  EXPECT_EQ(expect_the_rest(next), 0U);
  const Scheduler& scheduler = next.driver->scheduler();
  EXPECT_GE(resident_tokens(), 40U + 100 + 160 + 3 * (kBefore - 1));
  EXPECT_EQ(scheduler.tokens_replayed(), fresh.empty() ? 0 : resident_tokens());
  // Those in flight when the ring ended, and those that followed.
  EXPECT_LE(scheduler.tokens_computed(), 3 * (kInAll - kBefore + 1));
}

INSTANTIATE_TEST_SUITE_P(Stages, LostStages,
                         ::testing::Values(Loss{"llama", {1, 2}}, Loss{"llama", {3, 4}}, Loss{"llama", {0, 1}},
                                           Loss{"llama", {1, 3}}, Loss{"llama", {2, 2}}));

// The states of recurrent layers: of a lost stage they come from the replay, on others they are those they were.
INSTANTIATE_TEST_SUITE_P(RecurrentStages, LostStages,
                         ::testing::Values(Loss{"qwen35", {0, 1}}, Loss{"qwen35", {1, 3}}, Loss{"falcon-h1", {2, 3}},
                                           Loss{"lfm2", {2, 2}}));

TEST_F(AfterALoss, AStageThatRetainedNothingIsFound) {
  remains_.erase(2);  // restarted, and believed to be as before
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before({1, 2}));
  EXPECT_EQ(expect_the_rest(next), 1U);
}

TEST_F(AfterALoss, WhatIsOfAnotherRingIsNotTaken) {
  resident_.epoch = wire::PlanEpoch(2);
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before({1, 2}));
  EXPECT_EQ(expect_the_rest(next), 1U);
}

TEST_F(AfterALoss, ActivationsThatAreNoLongerRetainedAreComputedAgain) {
  remains_.erase(1);
  remains_.at(0).sent = SentRows(remains_.at(0).sent.row_bytes(), size_t{64} << 20);
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before({1, 2}));
  EXPECT_EQ(expect_the_rest(next), 1U) << "by then it is known that nothing is retained";
}

}  // namespace
}  // namespace exogpu::pipeline
