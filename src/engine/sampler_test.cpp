#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "base/rng.h"
#include "engine/allocation_count.h"

namespace exogpu::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// No transform but the temperature.
SamplerSettings plain(float temperature = 1) {
  return {.temperature = temperature, .top_k = 0, .top_p = 1, .min_p = 0};
}

Sampler made(const SamplerSettings& settings, uint32_t n_vocab) {
  auto sampler = Sampler::create(settings, n_vocab);
  EXPECT_TRUE(sampler) << sampler.error().message;
  return *std::move(sampler);
}

TokenId chosen(Sampler& sampler, std::span<const float> logits) {
  const auto choice = sampler.sample(logits);
  EXPECT_TRUE(choice) << choice.error().message;
  return choice->token;
}

std::vector<float> example_logits(uint32_t n, uint64_t seed) {
  std::vector<float> logits(n);
  for (uint32_t i = 0; i < n; ++i) logits[i] = static_cast<float>(12 * random_unit(seed, i) - 4);
  return logits;
}

// The probability of each token, from the definitions, in double and with full sorts.
std::vector<double> reference(const std::vector<float>& logits, const SamplerSettings& settings) {
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < logits.size(); ++i) order.emplace_back(-logits[i], i);
  std::ranges::sort(order);
  if (settings.top_k > 0) order.resize(std::min<size_t>(order.size(), settings.top_k));
  const auto weight = [&](size_t i) { return std::exp(double{logits[i]}); };
  const auto total = [&] {
    double sum = 0;
    for (const auto& [key, i] : order) sum += weight(i);
    return sum;
  };
  const auto shortest_share = [&](double share) {
    const double enough = share * total();
    double sum = 0;
    for (size_t n = 0; n < order.size(); ++n) {
      sum += weight(order[n].second);
      if (sum >= enough) {
        order.resize(n + 1);
        break;
      }
    }
  };
  if (settings.typical_p < 1) {
    const double z = total();
    double entropy = 0;
    for (const auto& [key, i] : order) entropy -= weight(i) / z * std::log(weight(i) / z);
    for (auto& [key, i] : order) key = std::abs(-std::log(weight(i) / z) - entropy);
    std::ranges::sort(order);
    shortest_share(settings.typical_p);
    for (auto& [key, i] : order) key = -logits[i];
    std::ranges::sort(order);
  }
  if (settings.top_p < 1) shortest_share(settings.top_p);
  const double likeliest = weight(order.front().second);
  std::erase_if(order, [&](const auto& entry) { return weight(entry.second) < settings.min_p * likeliest; });
  std::vector<double> p(logits.size());
  double sum = 0;
  for (const auto& [key, i] : order) sum += p[i] = std::exp(logits[i] / double{settings.temperature});
  for (double& x : p) x /= sum;
  return p;
}

// Chi-squared with `bins` - 1 degrees of freedom stays below this in 999 of 1,000 fair tests (Wilson and Hilferty).
double chi_squared_limit(size_t bins) {
  const double df = static_cast<double>(std::max<size_t>(bins, 2) - 1), a = 2 / (9 * df);
  return df * std::pow(1 - a + 3.09 * std::sqrt(a), 3);
}

void expect_distribution(const SamplerSettings& settings, const std::string& name) {
  constexpr int kDraws = 20000;
  const std::vector<float> logits = example_logits(300, 11);
  const std::vector<double> p = reference(logits, settings);
  Sampler sampler = made(settings, 300);
  std::vector<int> counts(300);
  for (int i = 0; i < kDraws; ++i) {
    const TokenId token = chosen(sampler, logits);
    ++counts[static_cast<size_t>(token)];
    sampler.accept(token);
  }
  double chi_squared = 0, rare_expected = 0, rare_count = 0;
  size_t bins = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) {
      EXPECT_EQ(counts[i], 0) << name << ": token " << i << " has probability 0";
    } else if (p[i] * kDraws < 10) {
      rare_expected += p[i] * kDraws;
      rare_count += counts[i];
    } else {
      ++bins;
      chi_squared += std::pow(counts[i] - p[i] * kDraws, 2) / (p[i] * kDraws);
    }
  }
  if (rare_expected > 0) {
    ++bins;
    chi_squared += std::pow(rare_count - rare_expected, 2) / rare_expected;
  }
  EXPECT_LT(chi_squared, chi_squared_limit(bins)) << name << ", " << bins << " bins";
}

TEST(Sampler, DrawsFromTheDistributionItsSettingsDescribe) {
  expect_distribution({}, "defaults");
  expect_distribution(plain(1), "plain");
  expect_distribution(plain(0.5f), "cold");
  expect_distribution(plain(3), "hot");
  expect_distribution({.temperature = 1.2f, .top_k = 7, .top_p = 1, .min_p = 0, .seed = 5}, "top-k");
  expect_distribution({.temperature = 1.2f, .top_k = 0, .top_p = 0.6f, .min_p = 0, .seed = 6}, "top-p");
  expect_distribution({.temperature = 1.2f, .top_k = 0, .top_p = 1, .min_p = 0.2f, .seed = 7}, "min-p");
  expect_distribution({.temperature = 1.2f, .top_k = 0, .top_p = 1, .min_p = 0, .typical_p = 0.5f, .seed = 8},
                      "typical");
  expect_distribution({.temperature = 1.5f, .top_k = 30, .top_p = 0.9f, .min_p = 0.1f, .typical_p = 0.8f, .seed = 9},
                      "all");
}

TEST(Sampler, TemperatureZeroIsTheHighestLogitAndTheLowestTokenOfEquals) {
  std::vector<float> logits(1000, -3);
  logits[700] = logits[400] = 2;
  Sampler sampler = made({.temperature = 0, .typical_p = 0.1f}, 1000);
  EXPECT_EQ(chosen(sampler, logits), 400);
  logits[999] = std::numeric_limits<float>::max();
  EXPECT_EQ(chosen(sampler, logits), 999);
}

// The tokens a fixed seed gives, which must be these on every machine and with every compiler.
TEST(Sampler, TheSameSeedGivesTheSameTokensEverywhere) {
  const std::vector<float> logits = example_logits(5000, 2);
  for (const auto& [settings, expected] : std::vector<std::pair<SamplerSettings, std::vector<TokenId>>>{
           {{.seed = 1}, {3689, 2210, 1065, 2824, 4056, 2147, 1307, 596}},
           {{.seed = 2}, {2198, 3309, 1338, 353, 2824, 1485, 791, 1485}},
           {{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .seed = 1},
            {4503, 4380, 2690, 210, 3309, 1545, 663, 2294}},
           {{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .typical_p = 0.7f, .seed = 0xFFFFFFFFFFFFFFFF},
            {2486, 752, 1461, 2937, 3147, 716, 2765, 2080}},
       }) {
    Sampler sampler = made(settings, 5000);
    std::vector<TokenId> tokens;
    for (int i = 0; i < 8; ++i) {
      tokens.push_back(chosen(sampler, logits));
      sampler.accept(tokens.back());
    }
    EXPECT_EQ(tokens, expected);
  }
}

TEST(Sampler, AGenerationResumesElsewhere) {
  const SamplerSettings settings = {.temperature = 1.3f,
                                    .repeat_penalty = 1.2f,
                                    .presence_penalty = 0.3f,
                                    .frequency_penalty = 0.4f,
                                    .penalty_last_n = 5,
                                    .seed = 77};
  Sampler first = made(settings, 200);
  std::vector<TokenId> sequence = {3, 1, 4};
  for (const TokenId token : sequence) first.accept(token);
  const auto step = [&](Sampler& sampler) { return chosen(sampler, example_logits(200, sampler.position())); };
  for (int i = 0; i < 40; ++i) {
    sequence.push_back(step(first));
    EXPECT_EQ(step(first), sequence.back()) << "sampling again gives the same token";
    first.accept(sequence.back());
  }
  Sampler copy = first;
  Sampler replayed = made(settings, 200);
  for (const TokenId token : sequence) replayed.accept(token);
  EXPECT_EQ(replayed.position(), 43U);
  for (int i = 0; i < 40; ++i) {
    const TokenId token = step(first);
    EXPECT_EQ(step(replayed), token);
    EXPECT_EQ(step(copy), token);
    for (Sampler* sampler : {&first, &replayed, &copy}) sampler->accept(token);
  }
}

TEST(Sampler, PenaltiesMatchFiguresByHand) {
  // Greedy over two tokens: the choice flips where the penalised logit crosses the other.
  const auto penalised = [](SamplerSettings settings, float logit, const std::vector<TokenId>& sequence) {
    settings.temperature = 0;
    // Finds the adjusted logit of token 0 by bisection against token 1.
    float low = -1000, high = 1000;
    for (int i = 0; i < 60; ++i) {
      const float middle = 0.5f * (low + high);
      Sampler sampler = made(settings, 2);
      for (const TokenId token : sequence) sampler.accept(token);
      (chosen(sampler, std::vector<float>{logit, middle}) == 0 ? low : high) = middle;
    }
    return low;
  };
  EXPECT_NEAR(penalised({.repeat_penalty = 2}, 3, {0}), 1.5, 1e-4);
  EXPECT_NEAR(penalised({.repeat_penalty = 2}, -3, {0}), -6, 1e-4);
  EXPECT_NEAR(penalised({.repeat_penalty = 2}, 3, {0, 0, 0}), 1.5, 1e-4);  // once, however often it occurred
  EXPECT_NEAR(penalised({.presence_penalty = 0.7f}, 3, {0, 0, 0}), 2.3, 1e-4);
  EXPECT_NEAR(penalised({.frequency_penalty = 0.7f}, 3, {0, 0, 0}), 0.9, 1e-4);
  EXPECT_NEAR(penalised({.repeat_penalty = 2, .presence_penalty = 0.25f, .frequency_penalty = -0.5f}, 3, {0, 0}), 2.25,
              1e-4);
  EXPECT_NEAR(penalised({.frequency_penalty = 1}, 3, {}), 3, 1e-4);
  EXPECT_NEAR(penalised({.frequency_penalty = 1, .logit_bias = {{0, 10}}}, 3, {0, 0}), 11, 1e-4);
  // Only the window counts; tokens outside the vocabulary push others out of it.
  EXPECT_NEAR(penalised({.frequency_penalty = 1, .penalty_last_n = 3}, 3, {0, 0, 0, 0, 0}), 0, 1e-4);
  EXPECT_NEAR(penalised({.frequency_penalty = 1, .penalty_last_n = 3}, 3, {0, 0, -5, 99}), 2, 1e-4);
  EXPECT_NEAR(penalised({.frequency_penalty = 1, .penalty_last_n = 0}, 3, {0, 0}), 3, 1e-4);
}

TEST(Sampler, BiasIsAddedAndBans) {
  const std::vector<float> logits = {1, 2, 3};
  Sampler sampler = made({.temperature = 0, .logit_bias = {{2, -kInfinity}, {0, 1.5f}}}, 3);
  EXPECT_EQ(chosen(sampler, logits), 0);
  SamplerSettings settings = plain(100);
  settings.logit_bias = {{0, -kInfinity}, {2, -kInfinity}};
  Sampler hot = made(settings, 3);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(chosen(hot, logits), 1);
    hot.accept(1);
  }
  Sampler all = made({.logit_bias = {{0, -kInfinity}, {1, -kInfinity}, {2, -kInfinity}}}, 3);
  const auto none = all.sample(logits);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::failed_precondition);
}

TEST(Sampler, AdjustmentsStayFinite) {
  constexpr float kMax = std::numeric_limits<float>::max();
  Sampler sampler = made({.repeat_penalty = 0.01f, .logit_bias = {{0, kMax}, {1, -kMax}}, .logprobs = 3}, 3);
  for (const TokenId token : {0, 1, 2}) sampler.accept(token);
  const std::vector<float> logits = {kMax, -kMax, -kMax};
  EXPECT_EQ(chosen(sampler, logits), 0);
}

TEST(Sampler, LogprobsAreTheModelsOwn) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};
  Sampler sampler = made({.temperature = 0, .repeat_penalty = 3, .logit_bias = {{0, 50}}, .logprobs = 3}, 4);
  sampler.accept(1);
  const auto choice = sampler.sample(logits);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->token, 0);
  EXPECT_NEAR(choice->logprob.value(), std::log(0.1), 1e-6);
  ASSERT_EQ(choice->top.size(), 3U);
  EXPECT_EQ(choice->top[0].token, 1);
  EXPECT_EQ(choice->top[1].token, 3);
  EXPECT_EQ(choice->top[2].token, 2);
  EXPECT_NEAR(choice->top[0].logprob, std::log(0.4), 1e-6);
  EXPECT_NEAR(choice->top[1].logprob, std::log(0.3), 1e-6);
  EXPECT_NEAR(choice->top[2].logprob, std::log(0.2), 1e-6);

  Sampler only_chosen = made({.temperature = 0, .logprobs = 0}, 4);
  EXPECT_NEAR(only_chosen.sample(logits)->logprob.value(), std::log(0.4), 1e-6);
  EXPECT_TRUE(only_chosen.sample(logits)->top.empty());
  Sampler none = made({.temperature = 0}, 4);
  EXPECT_FALSE(none.sample(logits)->logprob.has_value());
}

TEST(Sampler, RefusesBadLogits) {
  Sampler sampler = made({}, 100);
  EXPECT_EQ(sampler.sample(std::vector<float>(99)).error().code, ErrorCode::invalid_argument);
  for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> logits(100, 1);
    logits[70] = bad;
    const auto choice = sampler.sample(logits);
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().code, ErrorCode::corrupt);
    EXPECT_NE(choice.error().message.find("the logit of token 70 is"), std::string::npos);
  }
}

TEST(Sampler, RefusesSettingsOutOfRangeByName) {
  const auto error = [](const SamplerSettings& settings) {
    const auto sampler = Sampler::create(settings, 10);
    EXPECT_FALSE(sampler);
    return sampler ? std::string() : sampler.error().message;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error({.top_p = 1.5f}), "top_p is 1.5; it must be from 0 to 1");
  EXPECT_EQ(error({.temperature = -1}), "temperature is -1; it must be a finite number from 0 on");
  EXPECT_TRUE(error({.temperature = nan}).starts_with("temperature is nan"));
  EXPECT_TRUE(error({.temperature = kInfinity}).starts_with("temperature is inf"));
  EXPECT_TRUE(error({.top_p = nan}).starts_with("top_p is nan"));
  EXPECT_TRUE(error({.min_p = -0.1f}).starts_with("min_p"));
  EXPECT_TRUE(error({.typical_p = 2}).starts_with("typical_p"));
  EXPECT_TRUE(error({.repeat_penalty = 0}).starts_with("repeat_penalty"));
  EXPECT_TRUE(error({.presence_penalty = nan}).starts_with("presence_penalty"));
  EXPECT_TRUE(error({.frequency_penalty = 101}).starts_with("frequency_penalty"));
  EXPECT_TRUE(error({.penalty_last_n = UINT32_MAX}).starts_with("penalty_last_n"));
  EXPECT_TRUE(error({.logit_bias = {{10, 1}}}).starts_with("logit_bias names token 10; the vocabulary has 0 to 9"));
  EXPECT_TRUE(error({.logit_bias = {{-1, 1}}}).starts_with("logit_bias names token -1"));
  EXPECT_TRUE(error({.logit_bias = {{1, nan}}}).starts_with("logit_bias of token 1 is nan"));
  EXPECT_TRUE(error({.logit_bias = {{1, kInfinity}}}).starts_with("logit_bias of token 1 is inf"));
  EXPECT_TRUE(error({.logprobs = 11}).starts_with("logprobs asks for 11"));
  EXPECT_FALSE(Sampler::create({}, 0));
  EXPECT_FALSE(Sampler::create({}, UINT32_MAX));
}

TEST(Sampler, OneTokenIsAVocabularyToo) {
  for (const SamplerSettings& settings : {SamplerSettings{}, plain(), SamplerSettings{.top_k = 1, .top_p = 0}}) {
    Sampler sampler = made(settings, 1);
    EXPECT_EQ(chosen(sampler, std::vector<float>{-1e30f}), 0);
  }
}

TEST(Sampler, AllocatesNothingAfterTheFirstToken) {
  const uint64_t at_start = allocation_count();
  const auto one = std::make_unique<std::vector<int>>(3);
  ASSERT_EQ(allocation_count() - at_start, 2U) << "the count works";
  constexpr uint32_t kVocab = 20000;
  SamplerSettings everything = {.top_k = 50, .typical_p = 0.9f, .repeat_penalty = 1.1f, .logit_bias = {{5, 1}}};
  everything.logprobs = 20;
  SamplerSettings greedy = {.temperature = 0};
  for (const SamplerSettings& settings : {SamplerSettings{}, plain(), greedy, everything}) {
    Sampler sampler = made(settings, kVocab);
    std::vector<std::vector<float>> logits;
    for (uint64_t i = 0; i < 10; ++i) logits.push_back(example_logits(kVocab, i));
    logits[5].assign(kVocab, 0);                                                         // all equal
    for (uint32_t i = 0; i < kVocab; ++i) logits[6][i] = static_cast<float>(i) * 1e-3f;  // ascending
    uint64_t before = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (i == 1) before = allocation_count();
      const auto choice = sampler.sample(logits[i]);
      if (choice) sampler.accept(choice->token);
    }
    EXPECT_EQ(allocation_count() - before, 0U);
  }
}

}  // namespace
}  // namespace exogpu::engine
