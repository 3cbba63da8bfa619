#include "engine/sampler.h"

#include <algorithm>
#include <limits>

#include "base/rng.h"
#include "engine/generation.h"

namespace exogpu::engine {

namespace {

constexpr float kGreedyTemperature = 1e-6f;
constexpr uint64_t kEndLookup = 2048;  // tokens left from which on an end is looked for
constexpr uint64_t kEndMargin = 32;    // tokens that a short end may grow by until it is looked for again

// A logit moved out of the range of float stays at its end: infinities would make NaN of later sums.
float limited(float logit) { return std::clamp(logit, kBannedLogit, std::numeric_limits<float>::max()); }

}  // namespace

Result<Sampler> Sampler::create(SamplerSettings settings, uint32_t n_vocab) {
  if (n_vocab == 0 || n_vocab > static_cast<uint32_t>(std::numeric_limits<TokenId>::max())) {
    return fail(ErrorCode::invalid_argument, "a vocabulary of {} tokens; it must have 1 to {}", n_vocab,
                std::numeric_limits<TokenId>::max());
  }
  EXO_CHECK(check_sampling(settings, n_vocab));
  return Sampler(std::move(settings), n_vocab);
}

Sampler::Sampler(SamplerSettings settings, uint32_t n_vocab) : settings_(std::move(settings)), n_vocab_(n_vocab) {
  const bool penalties =
      settings_.repeat_penalty != 1 || settings_.presence_penalty != 0 || settings_.frequency_penalty != 0;
  if (penalties && settings_.penalty_last_n > 0) {
    window_.assign(settings_.penalty_last_n, -1);
    counts_.assign(n_vocab_, 0);
  }
}

void Sampler::accept(TokenId token) {
  if (has_penalties()) {
    TokenId& slot = window_[position_ % window_.size()];
    if (known(slot)) --counts_[static_cast<size_t>(slot)];
    if (known(token)) ++counts_[static_cast<size_t>(token)];
    slot = token;
  }
  ++position_;
  if (!constraint_ || constraint_failure_) return;
  if (tokens_left_ != UINT64_MAX && tokens_left_ > 0) --tokens_left_;
  if (auto accepted = constraint_->accept(token); !accepted) constraint_failure_ = std::move(accepted).error();
}

Result<TokenChoice> Sampler::sample(std::span<const float> logits) {
  if (logits.size() != n_vocab_) {
    return fail(ErrorCode::invalid_argument, "{} logits for a vocabulary of {} tokens", logits.size(), n_vocab_);
  }
  if (const auto bad = maxima_.scan(logits)) {
    return fail(ErrorCode::corrupt,
                "the logit of token {} is {}: the model file is damaged, or the device computes it wrongly", *bad,
                logits[*bad]);
  }
  TokenChoice choice;
  if (has_penalties() || !settings_.logit_bias.empty() || constraint_) {
    adjust(logits);
    if (constraint_) EXO_CHECK(mask());
    (void)adjusted_maxima_.scan(adjusted_);  // finite: adjust() keeps them so
    EXO_TRY(choice.token, choose(adjusted_, adjusted_maxima_));
    if (constraint_) {
      EXO_TRY(choice.token, within_tokens_left(choice.token));
    }
  } else {
    EXO_TRY(choice.token, choose(logits, maxima_));
  }
  if (settings_.logprobs) {
    const TokenLogprobs logprobs = logprobs_.report(logits, maxima_, choice.token, *settings_.logprobs);
    choice.logprob = logprobs.of_token;
    choice.top = logprobs.likeliest;
  }
  return choice;
}

void Sampler::adjust(std::span<const float> logits) {
  adjusted_.assign(logits.begin(), logits.end());
  const uint64_t count = std::min<uint64_t>(position_, window_.size());
  for (uint64_t i = 0; i < count; ++i) {
    if (!known(window_[i])) continue;
    const auto token = static_cast<size_t>(window_[i]);
    const float logit = logits[token];  // not adjusted_: a token may be in the window many times
    const float repeated = logit > 0 ? logit / settings_.repeat_penalty : logit * settings_.repeat_penalty;
    adjusted_[token] = limited(repeated - static_cast<float>(counts_[token]) * settings_.frequency_penalty -
                               settings_.presence_penalty);
  }
  for (const auto& [token, bias] : settings_.logit_bias) {
    float& logit = adjusted_[static_cast<size_t>(token)];
    logit = limited(logit + bias);
  }
}

Result<void> Sampler::mask() {
  if (constraint_failure_) return std::unexpected(*constraint_failure_);
  EXO_TRY(const std::span<const uint32_t> allowed, constraint_->mask());
  constexpr size_t bits = 32;
  const size_t known_tokens = std::min<size_t>(n_vocab_, allowed.size() * bits);
  for (size_t begin = 0; begin < known_tokens; begin += bits) {
    const uint32_t word = allowed[begin / bits];
    if (word == UINT32_MAX) continue;
    const size_t end = std::min(begin + bits, known_tokens);
    for (size_t i = begin; i < end; ++i) {
      if ((word >> (i - begin) & 1U) == 0) adjusted_[i] = kBannedLogit;
    }
  }
  std::fill(adjusted_.begin() + static_cast<ptrdiff_t>(known_tokens), adjusted_.end(), kBannedLogit);
  return {};
}

TokenId Sampler::likeliest_end() const {
  return *std::ranges::max_element(constraint_->end_tokens(), {},
                                   [&](TokenId token) { return adjusted_[static_cast<size_t>(token)]; });
}

// Looks for an end every few tokens, and at each token when those left may not do much longer.
Result<TokenId> Sampler::within_tokens_left(TokenId token) {
  if (tokens_left_ > kEndLookup) return token;
  const bool near = tokens_left_ <= 2 * end_size_ + kEndMargin;
  if (!near && position_ % kEndMargin != 0) return token;
  EXO_TRY(const TokenConstraint::End end, constraint_->short_end());
  if (!end) return token;
  end_size_ = end->size();
  if (std::ranges::contains(constraint_->end_tokens(), token)) return token;
  const TokenId towards_end = end->empty() ? likeliest_end() : end->front();
  if (tokens_left_ <= end->size() + 1) return towards_end;
  if (!near) return token;
  EXO_TRY(const TokenConstraint::End after, constraint_->short_end_after(token));
  return after && after->size() + 2 <= tokens_left_ ? token : towards_end;
}

Result<TokenId> Sampler::choose(std::span<const float> logits, const BlockMaxima& maxima) {
  const size_t best = maxima.argmax(logits);
  if (logits[best] == kBannedLogit) {
    return fail(ErrorCode::failed_precondition, "logit_bias bans every token{}; leave at least one to choose",
                constraint_ ? " that the answer's form allows" : "");
  }
  if (settings_.temperature < kGreedyTemperature) return static_cast<TokenId>(best);

  if (settings_.top_k > 0 && settings_.top_k < n_vocab_) {
    candidates_.take_top(logits, maxima, settings_.top_k);
  } else {
    candidates_.take_all(logits);
  }
  if (settings_.typical_p < 1) candidates_.keep_typical(settings_.typical_p);
  if (settings_.min_p > 0) candidates_.keep_min_p(settings_.min_p);
  if (settings_.top_p < 1) candidates_.keep_top_p(settings_.top_p);
  return candidates_.draw(settings_.temperature, random_unit(settings_.seed, position_));
}

}  // namespace exogpu::engine
