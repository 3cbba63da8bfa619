#include "node/day_hours.h"

#include <time.h>

#include <charconv>

namespace exogpu::node {
namespace {

// An hour and nothing else.
bool read_hour(std::string_view text, uint32_t& hour) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), hour);
  return failure == std::errc() && end == text.data() + text.size() && hour < 24;
}

}  // namespace

Result<DayHours> parse_day_hours(std::string_view text) {
  DayHours hours;
  const size_t dash = text.find('-');
  if (dash != std::string_view::npos && read_hour(text.substr(0, dash), hours.from) &&
      read_hour(text.substr(dash + 1), hours.to)) {
    return hours;
  }
  return fail(ErrorCode::invalid_argument, "\"{}\" are no hours: give the first and the one behind the last, as 22-7",
              text);
}

bool contains(const DayHours& hours, uint32_t hour) {
  if (hours.from < hours.to) return hour >= hours.from && hour < hours.to;
  return hour >= hours.from || hour < hours.to;
}

uint32_t local_hour(std::chrono::system_clock::time_point time) {
  const time_t seconds = std::chrono::system_clock::to_time_t(time);
  tm local{};
  return ::localtime_r(&seconds, &local) == nullptr ? 0 : static_cast<uint32_t>(local.tm_hour);
}

}  // namespace exogpu::node
