// Requests of /v1/responses.
//
// What would change the answer and is not supported is refused by name.
#pragma once

#include "api/generation/conversation.h"
#include "api/surface/exchange.h"

namespace exogpu::api::responses {

Parsed<Action> create(const Exchange& exchange);

// `input`: a text, or items: messages, calls of functions and their results, reasoning.
Parsed<std::vector<Message>> read_input(const Fields& fields);

// `tools` and `tool_choice`.
Parsed<void> read_tools(const Fields& fields, Conversation& conversation);

// 404, naming the id.
ApiError unknown_response(std::string_view field, std::string_view id);

}  // namespace exogpu::api::responses
