// The options of a generation, and what it reports at its end. Without device code, for every room above the engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/sampling.h"

namespace exogpu::engine {

using wire::SamplerSettings;

// Whether tokens of such a vocabulary can be sampled with these settings; only `logit_bias` and `logprobs` depend on
// it. Errors: invalid_argument, naming the field and its range.
Result<void> check_sampling(const SamplerSettings& settings, uint32_t n_vocab);

enum class FinishReason { end_of_text, stop_string, length, context_full, cancelled };
std::string_view to_string(FinishReason reason);

struct GenerateOptions {
  SamplerSettings sampling;
  uint32_t tokens_max = 0;  // of the answer; 0: until the context is full
  std::vector<std::string> stops;
  bool ignore_end = false;  // continue after the model's own end of text
  // The answer begins with the prompt, where that is a text or tokens; with sampling.logprobs, those of its tokens too.
  bool echo = false;
  bool only_prompt = false;      // the answer has no tokens: tokens_max is 1, and that one is not reported
  bool computes_afresh = false;  // nothing of the prompt is taken from a cache
};

struct GenerateStats {
  FinishReason reason = FinishReason::end_of_text;
  std::string stop{};  // the string of GenerateOptions::stops that ended it; empty: none of them
  uint32_t prompt_tokens = 0;
  uint32_t prompt_reused = 0;  // of these, already in the KV cache
  uint32_t answer_tokens = 0;
  std::chrono::duration<double> prompt_time{};  // until the first token was chosen
  std::chrono::duration<double> answer_time{};  // from then on
};

}  // namespace exogpu::engine
