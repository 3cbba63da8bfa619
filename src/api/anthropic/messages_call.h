// Requests of /v1/messages.
//
// What would change the answer and is not supported is refused by name. Thinking is shown only where the request asks
// for it, since clients do not expect its blocks otherwise.
#pragma once

#include "api/generation/conversation.h"
#include "api/surface/exchange.h"

namespace exogpu::api::anthropic {

Parsed<Action> messages(const Exchange& exchange);
// The request of /v1/messages to {"input_tokens": N}.
Parsed<Action> count_tokens(const Exchange& exchange);

// `system` and `messages`: a block of a tool's result becomes a message of its own.
Parsed<std::vector<Message>> read_messages(const Fields& fields);

// `tools` and `tool_choice`.
Parsed<void> read_tools(const Fields& fields, Conversation& conversation);

}  // namespace exogpu::api::anthropic
