// The tokens a sampler may still choose from, and the steps that narrow them down.
//
// Everything here gives the same bits on every machine: only IEEE additions, multiplications and comparisons in a
// fixed order, and an exp() of its own, since those of the C libraries differ in the last bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace exogpu::engine {

// A logit of this value (or a token banned by its bias) is never chosen.
inline constexpr float kBannedLogit = std::numeric_limits<float>::lowest();

// out[i] = e^((logits[i] - max) * scale) and their sum; below e^-87 it is 0. `out` may be empty: only the sum.
// `max` is not below any of the logits, scale > 0; relative error below 3e-7 when scale is 1.
double exp_all(std::span<const float> logits, float max, float scale, std::span<float> out);

// The maximum of each run of logits, so that later steps read only the runs that matter.
class BlockMaxima {
 public:
  static constexpr size_t kBlock = 64;  // logits per run

  // The index of the first logit that is NaN or infinite, if any; the maxima are then unspecified.
  std::optional<size_t> scan(std::span<const float> logits);

  // Of the last scan. `logits` is the span that was scanned; not empty.
  std::span<const float> maxima() const { return maxima_; }
  size_t argmax(std::span<const float> logits) const;  // the lowest index of the highest logit

 private:
  std::vector<float> maxima_;
};

struct Candidate {
  float logit = 0;
  float weight = 0;  // its probability times a factor common to all candidates
  model::TokenId token = 0;
};

// take_*() starts, keep_*() narrows down and leaves at least one, draw() chooses. No step leaves an order or a set
// that depends on the standard library. The memory is reused by the next take_*().
class Candidates {
 public:
  // The k highest logits that are not banned, highest first, the lower token first among equals.
  void take_top(std::span<const float> logits, const BlockMaxima& maxima, size_t k);
  // All tokens that are not banned, ordered by token.
  void take_all(std::span<const float> logits);

  // The fewest tokens that together have the share `p` of the probability, taking first those whose surprise is
  // nearest to the expected surprise (Meister et al., "Locally typical sampling", 2022).
  void keep_typical(float p);
  // Only tokens at least `p` times as likely as the likeliest. keep_top_p() still takes its share of the
  // probability before this step: the two keep the same tokens in either order, without sorting what min-p drops.
  void keep_min_p(float p);
  // The fewest of the likeliest tokens that together have the share `p` of the probability.
  void keep_top_p(float p);

  // The token at `unit` of the way, in [0, 1), through the probabilities at this temperature (> 0).
  model::TokenId draw(float temperature, double unit);

  std::span<const Candidate> items() const { return items_; }

 private:
  void weigh(float scale);
  template <typename Before>
  void keep_share(float p, Before before);

  std::vector<Candidate> items_;
  double total_ = 0;  // weight that shares are taken of
  std::vector<float> scratch_;
};

}  // namespace exogpu::engine
