#include "engine/speed.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace exogpu::engine {
namespace {

constexpr wire::SeqId sequence{0};

// The choice of tokens does not affect the time.
std::vector<model::TokenId> some_tokens(uint32_t n, uint32_t n_vocab) {
  std::vector<model::TokenId> tokens(n);
  for (uint32_t i = 0; i < n; ++i) tokens[i] = static_cast<model::TokenId>((uint64_t{i} * 7919 + 13) % n_vocab);
  return tokens;
}

Result<void> run(Chain& chain, std::span<const model::TokenId> tokens, uint32_t at_once) {
  EXO_CHECK(chain.truncate(sequence, 0));
  for (uint32_t at = 0; at < tokens.size();) {
    uint32_t count = std::min(at_once, static_cast<uint32_t>(tokens.size()) - at);
    uint32_t outputs = at + count == tokens.size() || at_once == 1 ? 1 : 0;
    SequenceTokens next = {sequence, at, count, outputs};
    EXO_CHECK(chain.forward({{&next, 1}, tokens.subspan(at, count), {}}));
    at += count;
  }
  return {};
}

Result<SpeedSamples> measure(Chain& chain, uint32_t n_tokens, uint32_t at_once, uint32_t repetitions) {
  std::vector<model::TokenId> tokens = some_tokens(n_tokens, chain.architecture().n_vocab);
  EXO_CHECK(run(chain, std::span(tokens).first(at_once == 1 ? 1 : tokens.size()), at_once));
  SpeedSamples samples;
  for (uint32_t i = 0; i < repetitions; ++i) {
    auto started = std::chrono::steady_clock::now();
    EXO_CHECK(run(chain, tokens, at_once));
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
    samples.tokens_per_s.push_back(n_tokens / taken.count());
  }
  return samples;
}

}  // namespace

double SpeedSamples::median() const {
  std::vector<double> sorted = tokens_per_s;
  std::ranges::sort(sorted);
  size_t n = sorted.size();
  if (n == 0) return 0;
  return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double SpeedSamples::mean() const {
  if (tokens_per_s.empty()) return 0;
  return std::reduce(tokens_per_s.begin(), tokens_per_s.end()) / static_cast<double>(tokens_per_s.size());
}

double SpeedSamples::deviation() const {
  if (tokens_per_s.size() < 2) return 0;
  double center = mean();
  double sum = 0;
  for (double x : tokens_per_s) sum += (x - center) * (x - center);
  return std::sqrt(sum / static_cast<double>(tokens_per_s.size() - 1));
}

Result<SpeedSamples> measure_prompt(Chain& chain, uint32_t n_tokens, uint32_t repetitions) {
  return measure(chain, n_tokens, chain.options().batch_tokens, repetitions);
}

Result<SpeedSamples> measure_generation(Chain& chain, uint32_t n_tokens, uint32_t repetitions) {
  return measure(chain, n_tokens, 1, repetitions);
}

}  // namespace exogpu::engine
