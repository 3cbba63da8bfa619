// OpenAI's API.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

// /v1/models, /v1/chat/completions, /v1/completions, /v1/embeddings.
Surface openai_surface();

}  // namespace exogpu::api
