#include "engine/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace exogpu::engine {
namespace {

std::vector<float> random_logits(uint32_t seed, size_t count = 300) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value(0, 3);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = value(random);
  return logits;
}

std::vector<wire::TokenLogprob> top_of(std::span<const float> logits, size_t count) {
  std::vector<wire::TokenLogprob> all;
  for (size_t i = 0; i < logits.size(); ++i) {
    const auto token = static_cast<wire::TokenId>(i);
    all.push_back({token, static_cast<float>(log_probability(logits, token))});
  }
  std::ranges::sort(all, std::greater(), &wire::TokenLogprob::logprob);
  all.resize(count);
  return all;
}

TEST(Divergence, OfTwoTokensIsWhatTheFormulaSays) {
  // Three quarters and a quarter against equal halves.
  const std::vector<float> exact = {std::log(3.0F), 0}, other = {5, 5};
  const double expected = 0.75 * std::log(0.75 / 0.5) + 0.25 * std::log(0.25 / 0.5);
  EXPECT_NEAR(kl_divergence(exact, other), expected, 1e-7);
  EXPECT_NEAR(log_probability(exact, 0), std::log(0.75), 1e-7);
  EXPECT_EQ(likeliest(exact), 0);
  EXPECT_EQ(likeliest(other), 0) << "the first of several";
}

TEST(Divergence, IsZeroOnlyOfTheSame) {
  const auto logits = random_logits(1);
  auto shifted = logits;
  for (float& logit : shifted) logit += 2;
  EXPECT_NEAR(kl_divergence(logits, shifted), 0, 1e-6) << "a constant changes no probability";
  EXPECT_GT(kl_divergence(logits, random_logits(2)), 0.1);
}

TEST(Divergence, OfSomeTokensIsNeverMoreThanThatOfAllAndGrowsToIt) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    const auto exact = random_logits(seed), other = random_logits(seed + 100);
    const double whole = kl_divergence(exact, other);
    double before = 0;
    for (const size_t count : {1, 5, 20, 100, 300}) {
      const double part = kl_divergence_at_least(exact, top_of(other, count));
      EXPECT_GE(part, before - 1e-5) << "finer parts tell more";
      EXPECT_LE(part, whole + 1e-5);
      before = part;
    }
    EXPECT_NEAR(before, whole, 1e-4 * whole);
  }
}

TEST(Divergence, AgreementCountsPositions) {
  Agreement agreement;
  EXPECT_EQ(agreement.kl_mean(), 0);
  agreement.add(true, 0.1);
  agreement.add(false, 0.3);
  EXPECT_EQ(agreement.share(), 0.5);
  EXPECT_DOUBLE_EQ(agreement.kl_mean(), 0.2);
  EXPECT_EQ(agreement.kl_most, 0.3);
}

}  // namespace
}  // namespace exogpu::engine
