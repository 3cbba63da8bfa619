// How far two distributions over the next token are from each other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "wire/sampling.h"

namespace exogpu::engine {

// The Kullback-Leibler divergence of the distribution of logits `other` from that of `exact`, in nats; 0 where both are
// the same. As many of one as of the other, all finite.
double kl_divergence(std::span<const float> exact, std::span<const float> other);

// What it is at least, where of the other distribution only the log probabilities of some tokens are known, each once:
// all other tokens count as one. Equal to kl_divergence() where all are known.
double kl_divergence_at_least(std::span<const float> exact, std::span<const wire::TokenLogprob> other);

// The natural logarithm of a token's probability.
double log_probability(std::span<const float> logits, wire::TokenId token);

// The likeliest token; the first of several.
wire::TokenId likeliest(std::span<const float> logits);

// Of one distribution with another, at each position of a text.
struct Agreement {
  uint32_t positions = 0;
  uint32_t same_likeliest = 0;
  double kl_sum = 0;
  double kl_most = 0;

  void add(bool same, double kl) {
    ++positions;
    same_likeliest += same ? 1 : 0;
    kl_sum += kl;
    kl_most = std::max(kl_most, kl);
  }
  double kl_mean() const { return positions > 0 ? kl_sum / positions : 0; }
  double share() const { return positions > 0 ? static_cast<double>(same_likeliest) / positions : 1; }
};

}  // namespace exogpu::engine
