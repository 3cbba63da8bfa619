// /v1/embeddings.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

// `input`: a text, tokens, or several of either. The vectors have a length of 1.
Parsed<Action> openai_embeddings(const Exchange& exchange);

}  // namespace exogpu::api
