// The settings by which a sampler chooses tokens, and the log probabilities that it reports. They travel with a
// request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "wire/constraint.h"

namespace exogpu::wire {

using TokenId = int32_t;

struct SamplerSettings {
  float temperature = 0.8f;  // >= 0; below 1e-6 is greedy: the highest logit, the lowest id among equals
  uint32_t top_k = 40;       // only the k likeliest tokens; 0 is all
  float top_p = 0.95f;       // 0..1: the fewest likeliest tokens that have this probability together; 1 is all
  float min_p = 0.05f;       // 0..1: only tokens with at least this share of the likeliest one's probability
  float typical_p = 1.0f;    // 0..1: as top_p, but the tokens whose surprise is nearest to the expected; 1 is all
  float repeat_penalty =
      1.0f;  // 0.01..100: divides positive and multiplies negative logits of tokens that occurred; 1 is off
  float presence_penalty = 0.0f;   // -100..100: subtracted once from the logit of every token that occurred
  float frequency_penalty = 0.0f;  // -100..100: subtracted for each occurrence of the token
  uint32_t penalty_last_n = 64;    // occurrences among this many last accepted tokens; 0: no penalties; at most 2^20
  std::map<TokenId, float> logit_bias = {};  // added to the logit; -infinity bans the token
  uint64_t seed = 0;
  // Absent: no log probabilities. Otherwise the chosen token's, and those of this many likeliest tokens.
  std::optional<uint32_t> logprobs = std::nullopt;
  std::optional<Constraint> constraint = std::nullopt;  // only tokens that keep the text in this form
  friend bool operator==(const SamplerSettings&, const SamplerSettings&) = default;
};

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0;  // natural logarithm
  friend bool operator==(const TokenLogprob&, const TokenLogprob&) = default;
};

}  // namespace exogpu::wire
