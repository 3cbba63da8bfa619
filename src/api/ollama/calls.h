// Ollama's requests for text and embeddings.
#pragma once

#include "api/generation/conversation.h"
#include "api/surface/exchange.h"

namespace exogpu::api::ollama {

Parsed<Action> chat(const Exchange& exchange);
Parsed<Action> generate(const Exchange& exchange);
// /api/pull: into the models folder of this node.
Parsed<Action> pull(const Exchange& exchange);
// /api/embed: vectors of length 1.
Parsed<Action> embed(const Exchange& exchange);
// /api/embeddings: the vector of one text as the model computes it.
Parsed<Action> embeddings(const Exchange& exchange);

// The fields that both have, into `call`: model, options, format, logprobs, stream (true by default). What would change
// the answer and is not supported is refused by name; settings of how a model is loaded are ignored, except for how
// long it stays loaded.
Parsed<void> read_common(const Fields& fields, const Exchange& exchange, TextCall& call);

// `think`: a boolean or an effort, as variables of the template.
Parsed<void> read_think(const Fields& fields, Conversation& conversation);

// Empty if absent.
Parsed<std::vector<Message>> read_messages(const Fields& fields);

}  // namespace exogpu::api::ollama
