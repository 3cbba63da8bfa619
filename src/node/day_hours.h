// Hours of the day, as owners of machines give them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "wire/owner_limits.h"

namespace exogpu::node {

using wire::DayHours;

// "22-7". Errors: invalid_argument, with the form that is expected.
Result<DayHours> parse_day_hours(std::string_view text);

bool contains(const DayHours& hours, uint32_t hour);
// Of the machine's local time, 0 to 23.
uint32_t local_hour(std::chrono::system_clock::time_point time);

}  // namespace exogpu::node
