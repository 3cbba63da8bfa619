// The body of a request to the OpenAI-compatible API.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "node/service.h"

namespace exogpu::api {

// `request`, an object with the model and the conversation or text, with these options and as one whose answer is
// streamed. Invalid UTF-8 is replaced.
std::string answer_body(nlohmann::json request, const engine::GenerateOptions& options);

}  // namespace exogpu::api
