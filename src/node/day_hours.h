// Hours of the day in which a node computes at most half of the time, so that its fans stay quiet.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace exogpu::node {

struct DayHours {
  uint32_t from = 0, to = 0;  // 0 to 23; from 22 to 7 is a night, equal ones are the whole day
  friend bool operator==(const DayHours&, const DayHours&) = default;
};

// "22-7". Errors: invalid_argument, with the form that is expected.
Result<DayHours> parse_day_hours(std::string_view text);

bool contains(const DayHours& hours, uint32_t hour);
// Of the machine's local time, 0 to 23.
uint32_t local_hour(std::chrono::system_clock::time_point time);

}  // namespace exogpu::node
