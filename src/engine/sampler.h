// Picks the next token from a model's logits.
//
// The transforms, in this order: penalties, logit bias, then on the softmax of the result top-k, typical, top-p and
// min-p, and last the temperature among the tokens that are left. This is llama.cpp's order, so its users' settings
// keep their meaning, except that the bias is added after the penalties: a biased token gets exactly that bias.
//
// The draw is a pure function of (logits, settings, tokens accepted so far): random_unit(seed, position()) and
// arithmetic that gives the same bits on every machine. So the same seed gives the same text wherever the logits are
// the same, and a generation resumes elsewhere by accepting its tokens again, prompt included, in a new Sampler.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/candidates.h"
#include "model/tokenizer.h"

namespace exogpu::engine {

using model::TokenId;

struct SamplerSettings {
  float temperature = 0.8f;       // >= 0; below 1e-6 is greedy: the highest logit, the lowest id among equals
  uint32_t top_k = 40;            // only the k likeliest tokens; 0 is all
  float top_p = 0.95f;            // 0..1: the fewest likeliest tokens that have this probability together; 1 is all
  float min_p = 0.05f;            // 0..1: only tokens with at least this share of the likeliest one's probability
  float typical_p = 1.0f;         // 0..1: as top_p, but the tokens whose surprise is nearest to the expected; 1 is all
  float repeat_penalty = 1.0f;    // 0.01..100: divides positive and multiplies negative logits of tokens seen; 1 is off
  float presence_penalty = 0.0f;  // -100..100: subtracted once from the logit of every token seen
  float frequency_penalty = 0.0f;  // -100..100: subtracted for each time the token was seen
  uint32_t penalty_last_n = 64;    // "seen" is among this many last accepted tokens; 0 is no penalties, at most 2^20
  std::map<TokenId, float> logit_bias = {};  // added to the logit; -infinity bans the token
  uint64_t seed = 0;
  // Absent: no log probabilities. Otherwise the chosen token's, and those of this many likeliest tokens.
  std::optional<uint32_t> logprobs = std::nullopt;
};

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0;  // natural logarithm
};

// Log probabilities are those of the model itself, before any transform: what OpenAI's clients expect, and
// comparable between requests with different settings.
struct TokenChoice {
  TokenId token = 0;
  std::optional<float> logprob;       // where SamplerSettings::logprobs asks
  std::span<const TokenLogprob> top;  // likeliest first; lives in the Sampler until its next sample()
};

// One per sequence; one thread at a time. Copies are independent and go on alike.
// Allocates nothing after the first sample().
class Sampler {
 public:
  // Errors: invalid_argument, naming the field and its range.
  static Result<Sampler> create(SamplerSettings settings, uint32_t n_vocab);

  // `logits`: [n_vocab]. Changes nothing that shows: called again, it chooses the same token.
  // Errors: invalid_argument (another number of logits), corrupt (a logit is NaN or infinite),
  // failed_precondition (the bias bans every token).
  Result<TokenChoice> sample(std::span<const float> logits);

  // Appends a token to the sequence: each one chosen, and those of the prompt, before the first sample().
  // A token outside the vocabulary takes a position and has no other effect.
  void accept(TokenId token);

  uint64_t position() const { return position_; }  // tokens accepted
  const SamplerSettings& settings() const { return settings_; }

 private:
  Sampler(SamplerSettings settings, uint32_t n_vocab);

  bool has_penalties() const { return !window_.empty(); }
  bool known(TokenId token) const { return token >= 0 && static_cast<uint32_t>(token) < n_vocab_; }
  void adjust(std::span<const float> logits);
  Result<TokenId> choose(std::span<const float> logits, const BlockMaxima& maxima);
  void report_logprobs(std::span<const float> logits, TokenChoice& choice);

  SamplerSettings settings_;
  uint32_t n_vocab_;
  uint64_t position_ = 0;
  std::vector<TokenId> window_;   // the last accepted tokens, that of position p at [p % size]; empty: no penalties
  std::vector<uint32_t> counts_;  // [n_vocab] occurrences in the window

  // Scratch of sample().
  BlockMaxima maxima_;           // of the model's logits
  std::vector<float> adjusted_;  // [n_vocab] logits after penalties and bias
  BlockMaxima adjusted_maxima_;
  Candidates candidates_;
  Candidates likeliest_;
  std::vector<TokenLogprob> top_;
};

}  // namespace exogpu::engine
