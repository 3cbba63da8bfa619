// How long Ollama's clients want a model to stay loaded.
#pragma once

#include <cstdint>
#include <optional>

#include "api/json/json_body.h"

namespace exogpu::api::ollama {

// `keep_alive`: seconds, or a text as Go writes durations ("5m", "1h30m", "-1"), as node::GenerationRequest has it:
// what is negative is for ever, and 0 is one second. Nothing if it is absent.
Parsed<std::optional<uint32_t>> read_keep_alive(const Fields& fields);
// Whether the model is to go at once.
bool asks_to_unload(const Fields& fields);

}  // namespace exogpu::api::ollama
