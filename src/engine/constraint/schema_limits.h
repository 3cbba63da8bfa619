// Bounds of a JSON schema from a stranger, within which llguidance compiles it in a second or so and needs no more than
// the stack that on_deep_stack() has.
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace exogpu::engine {

// Errors: invalid_argument, naming what there is too much of, and the limit.
Result<void> check_schema_limits(const nlohmann::json& schema);

// Of a regular expression. Errors: invalid_argument.
Result<void> check_pattern_limits(std::string_view pattern);

}  // namespace exogpu::engine
