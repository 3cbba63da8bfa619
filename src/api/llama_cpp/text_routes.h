// What the model's text side does without computing an answer.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::llama_cpp {

// {"content": TEXT, "add_special": false, "parse_special": true, "with_pieces": false} to {"tokens": [...]}
Parsed<Action> tokenize(const Exchange& exchange);
// {"tokens": [...]} to {"content": TEXT, "prompt": TEXT}
Parsed<Action> detokenize(const Exchange& exchange);
// The texts of the tokens at the ends of a text, and the chat template: vLLM's description of a tokenizer, whose
// clients also write {"prompt": TEXT, "add_special_tokens": true} to tokenize().
Parsed<Action> tokenizer_info(const Exchange& exchange);
// A request of /v1/chat/completions to {"prompt": TEXT}
Parsed<Action> apply_template(const Exchange& exchange);
// What the server is set up with; of the model in the query, "?model=NAME".
Parsed<Action> props(const Exchange& exchange);

}  // namespace exogpu::api::llama_cpp
