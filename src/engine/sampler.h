// Chooses the next token from a model's logits.
//
// The transforms, in this order: penalties, logit bias, the constraint's mask, then on the softmax of the result top-k,
// typical, top-p and min-p, and last the temperature among the remaining tokens. This is llama.cpp's order, so its
// users' settings keep their meaning, except that the bias is added after the penalties: a biased token gets exactly
// that bias.
//
// The draw is a pure function of (logits, settings, tokens accepted so far): random_unit(seed, position()) and
// arithmetic that gives the same bits on every machine. So the same seed gives the same text wherever the logits are
// the same, and a generation resumes elsewhere by accepting its tokens again, prompt included, in a new Sampler.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/candidates.h"
#include "engine/constraint/token_constraint.h"
#include "engine/token_logprobs.h"
#include "model/tokenizer/tokenizer.h"
#include "wire/sampling.h"

namespace exogpu::engine {

using model::TokenId;
using wire::SamplerSettings;
using wire::TokenLogprob;

// Log probabilities are those of the model itself, before any transform: what OpenAI's clients expect, and
// comparable between requests with different settings.
struct TokenChoice {
  TokenId token = 0;
  std::optional<float> logprob;       // if SamplerSettings::logprobs asks
  std::span<const TokenLogprob> top;  // likeliest first; lives in the Sampler until its next sample()
};

// One per sequence; one thread at a time. Copies are independent and continue equally.
// Allocates nothing after the first sample().
class Sampler {
 public:
  // Errors: invalid_argument (an empty vocabulary), and those of check_sampling().
  static Result<Sampler> create(SamplerSettings settings, uint32_t n_vocab);

  // `logits`: [n_vocab]. Has no visible effect: called again, it chooses the same token.
  // Errors: invalid_argument (another number of logits), corrupt (a logit is NaN or infinite),
  // failed_precondition (bias and constraint ban every token), and those of TokenConstraint.
  Result<TokenChoice> sample(std::span<const float> logits);

  // Appends a token to the sequence: each one chosen, and those of the prompt, before the first sample().
  // A token outside the vocabulary takes a position and has no other effect.
  void accept(TokenId token);

  // Only tokens that `constraint` allows are chosen from now on; it accepts those that accept() appends. It has seen
  // the tokens of the answer so far, and belongs to a vocabulary of at most as many tokens as there are logits.
  //
  // `tokens_left`: how many tokens may still be chosen, the one that ends the text among them. When they become few,
  // the text is led to its end: tokens behind which no end is found within those left are not chosen.
  void constrain(TokenConstraint constraint, uint64_t tokens_left = UINT64_MAX) {
    constraint_ = std::move(constraint);
    tokens_left_ = tokens_left;
  }

  uint64_t position() const { return position_; }  // tokens accepted
  const SamplerSettings& settings() const { return settings_; }

 private:
  Sampler(SamplerSettings settings, uint32_t n_vocab);

  bool has_penalties() const { return !window_.empty(); }
  bool known(TokenId token) const { return token >= 0 && static_cast<uint32_t>(token) < n_vocab_; }
  void adjust(std::span<const float> logits);
  Result<void> mask();
  Result<TokenId> within_tokens_left(TokenId token);
  TokenId likeliest_end() const;
  Result<TokenId> choose(std::span<const float> logits, const BlockMaxima& maxima);

  SamplerSettings settings_;
  uint32_t n_vocab_;
  uint64_t position_ = 0;
  std::vector<TokenId> window_;   // the last accepted tokens, that of position p at [p % size]; empty: no penalties
  std::vector<uint32_t> counts_;  // [n_vocab] occurrences in the window
  std::optional<TokenConstraint> constraint_;
  std::optional<Error> constraint_failure_;  // of accept()
  uint64_t tokens_left_ = UINT64_MAX;
  size_t end_size_ = 0;  // tokens of a short end, when it was last looked for

  // Scratch of sample().
  BlockMaxima maxima_;           // of the model's logits
  std::vector<float> adjusted_;  // [n_vocab] logits after penalties, bias and mask
  BlockMaxima adjusted_maxima_;
  Candidates candidates_;
  LogprobReporter logprobs_;
};

}  // namespace exogpu::engine
