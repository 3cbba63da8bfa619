// The fields of a body that say which devices a plan may use, and what for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/json/json_body.h"
#include "wire/serving_settings.h"

namespace exogpu::api {

// {"without": ["desk/cpu"]}
Parsed<std::optional<std::vector<std::string>>> read_without(const Fields& fields);
// {"objective": "latency"}
Parsed<std::optional<wire::Objective>> read_objective(const Fields& fields);

}  // namespace exogpu::api
