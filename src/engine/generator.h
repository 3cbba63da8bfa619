// Writes one answer: computes the prompt, then samples token after token until the model, a stop string, a limit or
// the caller ends it.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/chain.h"
#include "engine/sampler.h"
#include "engine/stop.h"
#include "model/tokenizer.h"

namespace exogpu::engine {

enum class FinishReason { end_of_text, stop_string, length, context_full, cancelled };
std::string_view to_string(FinishReason reason);

struct GenerateOptions {
  SamplerSettings sampling;
  uint32_t tokens_max = 0;  // of the answer; 0: until the context is full
  std::vector<std::string> stops;
  bool ignore_end = false;  // go on after the model's own end of text
};

struct GenerateStats {
  FinishReason reason = FinishReason::end_of_text;
  uint32_t prompt_tokens = 0;
  uint32_t prompt_reused = 0;  // of them, already in the cache
  uint32_t answer_tokens = 0;
  std::chrono::duration<double> prompt_time{};  // until the first token was chosen
  std::chrono::duration<double> answer_time{};  // from then on
};

// One sequence on a chain of shards; keeps what it has computed, so that a conversation's next turn only computes what
// is new. Borrows chain and tokenizer. One thread at a time.
class Generator {
 public:
  Generator(Chain& chain, const model::Tokenizer& tokenizer) : chain_(&chain), tokenizer_(&tokenizer) {}

  // `on_text` gets the answer in whole characters as it grows.
  // Errors: invalid_argument (bad settings, an empty prompt), resource_exhausted (the prompt is longer than the
  // context).
  Result<GenerateStats> generate(std::span<const model::TokenId> prompt, const GenerateOptions& options,
                                 const std::function<void(std::string_view)>& on_text,
                                 const std::stop_token& cancel = {});

  // Tokens in the cache: the last prompt and the answer to it.
  std::span<const model::TokenId> cached() const { return cached_; }

 private:
  Result<std::span<const float>> compute(std::span<const model::TokenId> tokens, bool wants_logits);
  Result<std::span<const float>> compute_prompt(std::span<const model::TokenId> prompt, const std::stop_token& cancel);

  Chain* chain_;
  const model::Tokenizer* tokenizer_;
  std::vector<model::TokenId> cached_;
};

}  // namespace exogpu::engine
