// The output of `exogpu doctor`, as text and as JSON.
#pragma once

#include <span>
#include <string>

#include "node/finding.h"

namespace exogpu::cli {

// One line per finding, with its remedy below.
std::string as_text(std::span<const node::Finding> findings);

// {"healthy": true, "findings": [{"level", "check", "what", "remedy"}]}; released keys do not change.
std::string as_json(std::span<const node::Finding> findings);

size_t count_problems(std::span<const node::Finding> findings);

}  // namespace exogpu::cli
