// Whether a JSON schema's `oneOf` means the same as `anyOf`, which llguidance can do.
#pragma once

#include <nlohmann/json.hpp>

namespace exogpu::engine {

// Whether no two alternatives of any `oneOf` in the schema can match one value: their types differ, or their constants,
// or a property that one of them requires. References within the schema are followed. False also where it cannot be
// told.
bool alternatives_are_disjoint(const nlohmann::json& schema);

}  // namespace exogpu::engine
