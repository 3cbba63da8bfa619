// Measures prompt and generation speed as llama-bench does: pp is a prompt of N tokens from an empty cache, tg is N
// tokens one after another from an empty cache; sampling is not part of either.
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "engine/chain.h"

namespace exogpu::engine {

struct SpeedSamples {
  std::vector<double> tokens_per_s;  // one per repetition, in order
  double median() const;
  double mean() const;
  double deviation() const;  // standard deviation of the samples
};

// Each runs once to warm up, then `repetitions` times.
Result<SpeedSamples> measure_prompt(Chain& chain, uint32_t n_tokens, uint32_t repetitions);
Result<SpeedSamples> measure_generation(Chain& chain, uint32_t n_tokens, uint32_t repetitions);

}  // namespace exogpu::engine
