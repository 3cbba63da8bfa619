#include "engine/divergence.h"

#include <cmath>

#include "base/assert.h"

namespace exogpu::engine {
namespace {

// The logarithm of the sum of the exponentials.
double log_sum(std::span<const float> logits) {
  const double most = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  return most + std::log(sum);
}

}  // namespace

double kl_divergence(std::span<const float> exact, std::span<const float> other) {
  EXO_ASSERT(exact.size() == other.size(), "both are of one vocabulary");
  const double exact_sum = log_sum(exact), other_sum = log_sum(other);
  double kl = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    const double log_p = exact[i] - exact_sum;
    kl += std::exp(log_p) * (log_p - (other[i] - other_sum));
  }
  return std::max(kl, 0.0);
}

// Joining tokens to one never makes it larger (the log sum inequality).
double kl_divergence_at_least(std::span<const float> exact, std::span<const wire::TokenLogprob> other) {
  constexpr double kRounding = 1e-7;  // of log probabilities in single precision, in the sum of their probabilities
  const double exact_sum = log_sum(exact);
  double kl = 0, p_rest = 1, q_rest = 1;
  for (const wire::TokenLogprob& token : other) {
    const double log_p = exact[static_cast<size_t>(token.token)] - exact_sum;
    kl += std::exp(log_p) * (log_p - token.logprob);
    p_rest -= std::exp(log_p);
    q_rest -= std::exp(double{token.logprob});
  }
  if (p_rest > kRounding) kl += p_rest * std::log(p_rest / std::max(q_rest, kRounding));
  return std::max(kl, 0.0);
}

double log_probability(std::span<const float> logits, wire::TokenId token) {
  return logits[static_cast<size_t>(token)] - log_sum(logits);
}

wire::TokenId likeliest(std::span<const float> logits) {
  return static_cast<wire::TokenId>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace exogpu::engine
