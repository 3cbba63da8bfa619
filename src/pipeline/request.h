// What a client asks of a ring.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "wire/ids.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

struct Request {
  std::vector<wire::TokenId> tokens;  // the prompt, and of a continuation the answer so far
  wire::SamplerSettings sampling;
  uint32_t tokens_max = 0;  // 0: until the context is full
  std::vector<wire::TokenId> end_tokens;
  std::optional<uint32_t> prompt_tokens{};  // of `tokens`; all without a value
  wire::ClientId client{};
  bool accepted_before = false;  // by an earlier ring
  std::optional<std::chrono::milliseconds> queue_wait_max{};
  bool embed = false;                         // the embedding of the tokens, and no answer
  std::optional<uint32_t> prompt_logprobs{};  // of the tokens but the first, with so many likeliest
  bool computes_afresh = false;               // nothing of the prompt is taken from a cache
  std::optional<uint32_t> reused_at_first{};  // of the prompt, where the request had a sequence before

  // All is computed: a cache has neither what is pooled nor logits.
  bool afresh() const { return embed || prompt_logprobs; }
  bool continues() const { return prompt_tokens && *prompt_tokens < tokens.size(); }
};

}  // namespace exogpu::pipeline
