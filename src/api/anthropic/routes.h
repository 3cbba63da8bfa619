// Anthropic's API: messages, whole or as events, and the number of their tokens.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::anthropic {

// /v1/messages, /v1/messages/count_tokens.
Surface surface();

// {"type": "error", "error": {"type", "message"}}
std::string error_body(const ApiError& error);

}  // namespace exogpu::api::anthropic
