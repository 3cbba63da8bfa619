// Tokens in a request.
#pragma once

#include <string>
#include <vector>

#include "api/json/json_body.h"
#include "node/service.h"

namespace exogpu::api {

// An array of token ids; `name` is the field's, for errors.
Parsed<std::vector<model::TokenId>> read_tokens(const nlohmann::ordered_json& array, const std::string& name);

}  // namespace exogpu::api
