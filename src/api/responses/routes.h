// OpenAI's Responses API: answers as lists of items, continued by their ids.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::responses {

// /v1/responses, and /v1/responses/ID to read and to delete.
Surface surface();

}  // namespace exogpu::api::responses
