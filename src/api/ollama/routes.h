// Ollama's API: chat and texts as lines of JSON, and the list of models.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::ollama {

// /api/chat, /api/generate, /api/tags, /api/ps, /api/show, /api/version, and a reason for what there is not.
Surface surface();

}  // namespace exogpu::api::ollama
