// Makes a conversation fit into the context: without its oldest turns, where that is wanted.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "node/prompt.h"
#include "node/service.h"

namespace exogpu::node {

struct FittedPrompt {
  EncodedPrompt prompt;
  uint32_t messages_removed = 0;
};

// The tokens of a context that are for the answer: what it may have, and at most a quarter of the context.
uint32_t answer_room(uint32_t context, uint32_t tokens_max);

// Encodes the request's prompt. Where it has a shortening and leaves less than the answer_room(), the fewest turns go
// with which it fits. Without a shortening the length is not checked.
// Errors: those of ModelText::encode(), resource_exhausted (no turn is left that may go; with all numbers).
Result<FittedPrompt> fit_prompt(ModelText& text, const GenerationRequest& request, uint32_t context);

// Has the answer begin with the prompt, which is a text or tokens. Errors: invalid_argument (a conversation, a gap).
Result<void> add_echo(const PromptEncoder& encoder, const Prompt& prompt, EncodedPrompt& encoded);

}  // namespace exogpu::node
