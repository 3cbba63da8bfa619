// Quantities as people write them in options.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace exogpu::cli {

// "45s", "30min", "12h", "90d", "2w". Errors: invalid_argument, naming the option.
Result<std::chrono::seconds> parse_duration(std::string_view text, std::string_view option);

// A number for each `unit`: "60/min", "1M/day", "500k/day"; the unit may be left out. Errors: invalid_argument.
Result<uint64_t> parse_per(std::string_view text, std::string_view unit, std::string_view option);

}  // namespace exogpu::cli
