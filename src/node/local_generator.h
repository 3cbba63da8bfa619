// Answers of a model whose layers are all in this process: a ring of one, without a cluster. For `exogpu run`.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/chain.h"
#include "engine/generation.h"
#include "node/prompt.h"
#include "pipeline/local_ring.h"

namespace exogpu::node {

// One sequence, which retains its tokens: a conversation's next turn computes only what is new. Borrows the encoder.
// One thread at a time.
class LocalGenerator {
 public:
  LocalGenerator(engine::Chain chain, const PromptEncoder& encoder);

  // `on_text` receives the answer in whole characters as it grows.
  // When `cancel` asks to stop, the result is a success with FinishReason::cancelled.
  // Errors: invalid_argument (bad settings, an empty prompt), resource_exhausted (the prompt fills the context), and
  // those of Shard::forward().
  Result<engine::GenerateStats> generate(const EncodedPrompt& prompt, const engine::GenerateOptions& options,
                                         const std::function<void(std::string_view)>& on_text,
                                         const std::stop_token& cancel = {});

  // Of a model whose shards give embeddings: that of the prompt, as the model computes it, not normalised.
  // Errors: invalid_argument (an empty prompt, a model that writes text), resource_exhausted (longer than the context,
  // or than a batch where a text must come in one), cancelled, and those of Shard::forward().
  Result<std::vector<float>> embed(const EncodedPrompt& prompt, const std::stop_token& cancel = {});

 private:
  const PromptEncoder* encoder_;
  uint32_t context_;
  uint32_t vocabulary_;
  pipeline::LocalRing ring_;
};

}  // namespace exogpu::node
