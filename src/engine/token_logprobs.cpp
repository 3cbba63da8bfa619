#include "engine/token_logprobs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace exogpu::engine {

TokenLogprobs LogprobReporter::report(std::span<const float> logits, const BlockMaxima& maxima, wire::TokenId token,
                                      uint32_t likeliest) {
  const double max = logits[maxima.argmax(logits)];
  const double log_sum = max + std::log(exp_all(logits, static_cast<float>(max), 1.0f, {}));
  // A sum of very different logits stays in the range of float: infinities would be no JSON.
  const auto logprob = [&](float logit) {
    return std::clamp(static_cast<float>(logit - log_sum), kBannedLogit, std::numeric_limits<float>::max());
  };
  top_.clear();
  if (likeliest > 0) {
    candidates_.take_top(logits, maxima, likeliest);
    for (const Candidate& c : candidates_.items()) top_.push_back({c.token, logprob(c.logit)});
  }
  return {.of_token = logprob(logits[static_cast<size_t>(token)]), .likeliest = top_};
}

}  // namespace exogpu::engine
