// What `exogpu doctor` says, for a person and for a program.
#pragma once

#include <span>
#include <string>

#include "node/doctor/finding.h"

namespace exogpu::cli {

// A line for each finding, and its remedy below it.
std::string as_text(std::span<const node::Finding> findings);

// {"healthy": true, "findings": [{"level", "check", "what", "remedy"}]}; the keys stay as they are once released.
std::string as_json(std::span<const node::Finding> findings);

size_t count_problems(std::span<const node::Finding> findings);

}  // namespace exogpu::cli
