#include "engine/candidates.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/rng.h"

namespace exogpu::engine {
namespace {

using model::TokenId;

// Logits as a model gives them: roughly normal, a few high ones.
std::vector<float> normal_logits(size_t n, uint64_t seed) {
  std::vector<float> logits(n);
  for (size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (uint64_t j = 0; j < 4; ++j) sum += random_unit(seed, 4 * i + j);
    logits[i] = static_cast<float>(6 * (sum - 2));
    if (i % 97 == 5) logits[i] += 6;
  }
  return logits;
}

// Few different values, so that there are ties.
rc::Gen<std::vector<float>> tied_logits(int sizes_max) {
  return rc::gen::mapcat(rc::gen::inRange(1, sizes_max), [](int n) {
    return rc::gen::container<std::vector<float>>(
        static_cast<size_t>(n), rc::gen::map(rc::gen::inRange(-12, 12), [](int x) { return 0.5f * float(x); }));
  });
}

std::vector<TokenId> by_logit(const std::vector<float>& logits) {
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](TokenId a, TokenId b) { return logits[size_t(a)] > logits[size_t(b)]; });
  return order;
}

// Softmax at T = 1 in double.
std::vector<double> probabilities(const std::vector<float>& logits) {
  const double max = *std::ranges::max_element(logits);
  std::vector<double> p;
  for (const float x : logits) p.push_back(std::exp(x - max));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}

std::vector<TokenId> tokens(const Candidates& candidates) {
  std::vector<TokenId> out;
  for (const Candidate& c : candidates.items()) out.push_back(c.token);
  return out;
}

Candidates taken(const std::vector<float>& logits, size_t k = 0) {
  BlockMaxima maxima;
  EXPECT_EQ(maxima.scan(logits), std::nullopt);
  Candidates candidates;
  if (k > 0) {
    candidates.take_top(logits, maxima, k);
  } else {
    candidates.take_all(logits);
  }
  return candidates;
}

TEST(ExpAll, IsCloseToTheExactExponential) {
  std::vector<float> logits;
  for (float x = 3; x > -83; x -= 0.00317f) logits.push_back(x);
  std::vector<float> out(logits.size());
  const double sum = exp_all(logits, 3, 1, out);
  double exact_sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double exact = std::exp(double{logits[i]} - 3);
    // The difference logit - max is itself rounded to a float.
    const double tolerance = 3e-7 + std::abs(double{logits[i] - 3.0f} - (double{logits[i]} - 3));
    ASSERT_NEAR(out[i] / exact, 1, tolerance) << logits[i];
    exact_sum += exact;
  }
  EXPECT_NEAR(sum / exact_sum, 1, 1e-6);
  EXPECT_EQ(exp_all(logits, 3, 1, {}), sum);
}

TEST(ExpAll, EndsOfTheRange) {
  constexpr float kMax = std::numeric_limits<float>::max();
  const std::vector<float> logits = {kMax, kMax, 0, -kMax, kBannedLogit};
  std::vector<float> out(logits.size());
  EXPECT_EQ(exp_all(logits, kMax, 1e6f, out), 2);
  EXPECT_EQ(out, (std::vector<float>{1, 1, 0, 0, 0}));
  EXPECT_EQ(exp_all({}, 0, 1, {}), 0);
}

// These bits must come out on every machine and with every compiler.
TEST(ExpAll, GivesTheSameBitsEverywhere) {
  const std::vector<float> logits = normal_logits(10007, 1);
  std::vector<float> out(logits.size());
  const double sum = exp_all(logits, *std::ranges::max_element(logits), 1.25f, out);
  uint64_t hash = 14695981039346656037U;  // FNV-1a over the words
  for (const float x : out) hash = (hash ^ std::bit_cast<uint32_t>(x)) * 1099511628211U;
  EXPECT_EQ(hash, 2862852833112744571U);
  EXPECT_EQ(std::bit_cast<uint64_t>(sum), 4611195738890498586U);
}

TEST(BlockMaxima, FindsTheFirstBadLogitWhereverItIs) {
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  for (size_t at = 0; at < 200; ++at) {
    std::vector<float> logits(200, 1.0f);
    logits[at] = bad[at % 4];
    logits[199] = bad[(at + 1) % 4];
    EXPECT_EQ(BlockMaxima().scan(logits), at);
  }
  std::vector<float> extreme(200, std::numeric_limits<float>::max());
  extreme[3] = std::numeric_limits<float>::lowest();
  extreme[4] = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(BlockMaxima().scan(extreme), std::nullopt);
}

TEST(BlockMaxima, ArgmaxIsTheFirstOfTheHighest) {
  EXPECT_TRUE(rc::check("argmax == max_element", [] {
    const auto logits = *tied_logits(400);
    BlockMaxima maxima;
    RC_ASSERT(!maxima.scan(logits));
    RC_ASSERT(maxima.argmax(logits) == size_t(std::ranges::max_element(logits) - logits.begin()));
  }));
}

TEST(TakeTop, IsThePrefixOfAFullSort) {
  EXPECT_TRUE(rc::check("take_top == sort", [] {
    const auto logits = *tied_logits(700);
    const auto k = *rc::gen::inRange<size_t>(1, logits.size() + 2);
    auto expected = by_logit(logits);
    expected.resize(std::min(k, expected.size()));
    RC_ASSERT(tokens(taken(logits, k)) == expected);
  }));
}

TEST(TakeTop, OrdersThatDefeatTheFloor) {
  std::vector<float> logits(5000);
  std::iota(logits.begin(), logits.end(), 0.0f);
  EXPECT_EQ(tokens(taken(logits, 3)), (std::vector<TokenId>{4999, 4998, 4997}));
  std::ranges::reverse(logits);
  EXPECT_EQ(tokens(taken(logits, 3)), (std::vector<TokenId>{0, 1, 2}));
  logits.assign(5000, -7.0f);
  EXPECT_EQ(tokens(taken(logits, 3)), (std::vector<TokenId>{0, 1, 2}));
  logits.assign(5000, kBannedLogit);
  EXPECT_TRUE(tokens(taken(logits, 3)).empty());
  logits[4321] = -1e30f;
  EXPECT_EQ(tokens(taken(logits, 3)), (std::vector<TokenId>{4321}));
  EXPECT_EQ(tokens(taken(logits)), (std::vector<TokenId>{4321}));
}

// Where a share falls exactly on a token, rounding may keep one more: `slack` excludes such inputs.
std::vector<TokenId> shortest_share(std::vector<TokenId> order, const std::vector<double>& p, double share,
                                    double* slack) {
  double sum = 0;
  *slack = 1;
  for (size_t i = 0; i < order.size(); ++i) {
    sum += p[size_t(order[i])];
    *slack = std::min(*slack, std::abs(sum - share));
    if (sum >= share) {
      order.resize(i + 1);
      break;
    }
  }
  return order;
}

TEST(KeepTopP, IsTheShortestPrefixWithTheShare) {
  EXPECT_TRUE(rc::check("keep_top_p == brute force", [] {
    const auto logits = *tied_logits(700);
    const float share = static_cast<float>(*rc::gen::inRange(0, 1000)) * 1e-3f;
    double slack = 0;
    const auto expected = shortest_share(by_logit(logits), probabilities(logits), double{share}, &slack);
    RC_PRE(slack > 1e-6);
    Candidates all = taken(logits), top = taken(logits, logits.size());
    all.keep_top_p(share);
    top.keep_top_p(share);
    RC_ASSERT(tokens(all) == expected);
    RC_ASSERT(tokens(top) == expected);
  }));
}

TEST(KeepTypical, IsTheShortestRunByDistanceFromTheEntropy) {
  EXPECT_TRUE(rc::check("keep_typical == brute force", [] {
    const auto logits = normal_logits(*rc::gen::inRange<size_t>(1, 600), *rc::gen::arbitrary<uint64_t>());
    const float share = static_cast<float>(*rc::gen::inRange(0, 1000)) * 1e-3f;
    const auto p = probabilities(logits);
    double entropy = 0;
    for (const double x : p) entropy -= x * std::log(x);
    std::vector<TokenId> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto distance = [&](TokenId t) { return std::abs(-std::log(p[size_t(t)]) - entropy); };
    std::ranges::stable_sort(order, {}, distance);
    for (size_t i = 1; i < order.size(); ++i) RC_PRE(distance(order[i]) - distance(order[i - 1]) > 1e-6);
    double slack = 0;
    const auto expected = shortest_share(order, p, double{share}, &slack);
    RC_PRE(slack > 1e-6);
    Candidates candidates = taken(logits);
    candidates.keep_typical(share);
    RC_ASSERT(tokens(candidates) == expected);
  }));
}

TEST(KeepMinP, LeavesTheShareOfTopPAsItWas) {
  EXPECT_TRUE(rc::check("min-p then top-p == top-p then min-p", [] {
    const auto logits = *tied_logits(500);
    const float min_p = static_cast<float>(*rc::gen::inRange(1, 1000)) * 1e-3f;
    const float top_p = static_cast<float>(*rc::gen::inRange(0, 1000)) * 1e-3f;
    Candidates a = taken(logits), b = taken(logits);
    a.keep_min_p(min_p);
    a.keep_top_p(top_p);
    b.keep_top_p(top_p);
    b.keep_min_p(min_p);
    RC_ASSERT(tokens(a) == tokens(b));
    RC_ASSERT(!a.items().empty());
    for (const Candidate& c : a.items()) {
      RC_ASSERT(std::exp(c.logit - *std::ranges::max_element(logits)) >= min_p * (1 - 1e-6f));
    }
  }));
}

// Walks through the unit interval in small steps, and counts: the shares are the probabilities.
TEST(Draw, SharesOfTheUnitIntervalAreTheProbabilities) {
  constexpr int kSteps = 50000;
  const std::vector<float> logits = normal_logits(150, 3);
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    for (const size_t k : {size_t{0}, size_t{10}}) {
      Candidates candidates = taken(logits, k);
      std::map<TokenId, double> expected;
      double sum = 0;
      for (const Candidate& c : candidates.items()) sum += expected[c.token] = std::exp(c.logit / double{temperature});
      std::map<TokenId, int> counts;
      for (int i = 0; i < kSteps; ++i) ++counts[candidates.draw(temperature, (i + 0.5) / kSteps)];
      for (const auto& [token, weight] : expected) {
        EXPECT_NEAR(counts[token] / double{kSteps}, weight / sum, 1.1 / kSteps) << token;
      }
      EXPECT_LE(counts.size(), expected.size());
    }
  }
}

TEST(Draw, ExtremeTemperaturesAndPositions) {
  const std::vector<float> logits = {1, 3, 2, 3};
  Candidates candidates = taken(logits);
  EXPECT_EQ(candidates.draw(1e-6f, 0), 1);
  EXPECT_EQ(candidates.draw(1e-6f, std::nextafter(1.0, 0.0)), 3);
  EXPECT_EQ(candidates.draw(std::numeric_limits<float>::max(), 0), 0);
  EXPECT_EQ(candidates.draw(std::numeric_limits<float>::max(), 0.26), 1);
  EXPECT_EQ(candidates.draw(1, std::nextafter(1.0, 0.0)), 3);
}

}  // namespace
}  // namespace exogpu::engine
