// What Ollama's clients ask about models.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api::ollama {

Parsed<Action> tags(const Exchange& exchange);    // all that requests may name
Parsed<Action> loaded(const Exchange& exchange);  // all that are in memory
Parsed<Action> show(const Exchange& exchange);    // {"model": NAME} to what its file says

}  // namespace exogpu::api::ollama
