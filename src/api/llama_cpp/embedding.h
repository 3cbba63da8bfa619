// /embedding of llama.cpp's server.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::llama_cpp {

// `content`: a text, tokens, or several of either. `embd_normalize`: 2 for vectors of length 1, -1 as the model
// computes them.
Parsed<Action> embedding(const Exchange& exchange);

}  // namespace exogpu::api::llama_cpp
