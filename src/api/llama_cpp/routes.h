// The endpoints of llama.cpp's server that editors and tools use: tokens, templates, and text with a gap.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::llama_cpp {

// /tokenize, /detokenize, /apply-template, /props, /infill, /completion.
// Errors have OpenAI's form, as llama.cpp's have.
Surface surface();

}  // namespace exogpu::api::llama_cpp
