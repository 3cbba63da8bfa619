// Texts and lists of tokens in a request.
#pragma once

#include <string_view>
#include <vector>

#include "api/json/json_body.h"
#include "node/service.h"

namespace exogpu::api {

// A text, an array of texts, an array of token ids, or an array of such arrays; at least one. `what` the field gives,
// for the error where it is missing.
Parsed<std::vector<node::Prompt>> read_prompts(const Fields& fields, const char* field, std::string_view what);

}  // namespace exogpu::api
