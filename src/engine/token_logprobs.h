// Log probabilities of a model's own distribution over the next token, before any transform of the sampler.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/candidates.h"
#include "wire/sampling.h"

namespace exogpu::engine {

struct TokenLogprobs {
  float of_token = 0;                             // natural logarithm
  std::span<const wire::TokenLogprob> likeliest;  // likeliest first; valid until the next call
};

// One thread at a time. Allocates nothing after the first call of the most `likeliest`.
class LogprobReporter {
 public:
  // `maxima` has scanned `logits`, which are finite; the token is one of theirs.
  TokenLogprobs report(std::span<const float> logits, const BlockMaxima& maxima, wire::TokenId token,
                       uint32_t likeliest);

 private:
  Candidates candidates_;
  std::vector<wire::TokenLogprob> top_;
};

}  // namespace exogpu::engine
