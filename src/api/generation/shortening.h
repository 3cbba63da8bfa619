// A conversation that is longer than the context: which turns may go, and whether they do.
#pragma once

#include <optional>

#include "api/generation/conversation.h"
#include "api/generation/text_call.h"
#include "api/json/json_body.h"

namespace exogpu::api {

// The field `truncation`, as OpenAI's responses have it: "auto" or "disabled"; without it, as the server is set up.
Parsed<bool> read_truncation(const Fields& fields, const CallLimits& limits);

// A turn is a user's message with all that follows until the next, and what precedes the first. All but the last may
// go, the oldest first. System messages and tools stay. Empty if there is but one turn.
std::optional<node::Shortening> shortening(Conversation conversation);

}  // namespace exogpu::api
