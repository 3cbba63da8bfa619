// Generates one answer: computes the prompt, then samples tokens until the model, a stop string, a limit or the caller
// ends it.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/chain.h"
#include "engine/generation.h"
#include "engine/sampler.h"
#include "engine/stop.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::engine {

// One sequence on a chain of shards. Its KV cache remains, so that the next turn of a conversation computes only the
// new tokens. Borrows chain and tokenizer. One thread at a time.
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
