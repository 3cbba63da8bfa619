// Texts continued, or their middle filled in, as llama.cpp's /completion and /infill do.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::llama_cpp {

// {"prompt": TEXT or TOKENS, "n_predict": 64, "stream": false, ...}
Parsed<Action> completion(const Exchange& exchange);

// {"input_prefix": TEXT, "input_suffix": TEXT, "prompt": START, "input_extra": [{"filename", "text"}], ...}
Parsed<Action> infill(const Exchange& exchange);

}  // namespace exogpu::api::llama_cpp
