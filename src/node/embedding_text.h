// What a model is asked for, and the texts of which it gives embeddings.
#pragma once

#include <cstdint>
#include <string_view>

#include "node/prompt.h"
#include "node/service.h"

namespace exogpu::node {

// Errors: invalid_argument, where a model for embeddings is asked for text, another for embeddings, or for more values
// than there are.
Result<void> check_purpose(const GenerationRequest& request, const ModelDetails& details, std::string_view model);

struct TextLimits {
  uint32_t context = 0;
  uint32_t batch = 0;  // tokens of a step, in which some models need a text whole
};

// The tokens of a text whose embedding is asked for, with those that the model's file adds at its ends. A text that is
// truncated keeps the last of these. Errors: those of ModelText::encode(), invalid_argument (a conversation),
// resource_exhausted (too long, with both numbers).
Result<EncodedPrompt> text_to_embed(ModelText& text, const GenerationRequest& request, const TextLimits& limits);

}  // namespace exogpu::node
