#include "cli/arguments/quantity.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace exogpu::cli {
namespace {

// The number at the beginning of `text`, which is taken away; empty if there is none.
std::optional<double> take_number(std::string_view& text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (failure != std::errc() || !std::isfinite(value) || value <= 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

Result<std::chrono::seconds> parse_duration(std::string_view text, std::string_view option) {
  constexpr std::pair<std::string_view, double> units[] = {{"s", 1},    {"min", 60},   {"m", 60},
                                                           {"h", 3600}, {"d", 86'400}, {"w", 7 * 86'400}};
  constexpr double kMost = 100.0 * 366 * 86'400;
  std::string_view rest = text;
  const auto value = take_number(rest);
  for (const auto& [unit, seconds] : units) {
    if (value && rest == unit && *value * seconds >= 1 && *value * seconds <= kMost) {
      return std::chrono::seconds(std::llround(*value * seconds));
    }
  }
  return fail(ErrorCode::invalid_argument, "{} {}: give a time such as 12h or 90d", option,
              printable(std::string(text)));
}

Result<uint64_t> parse_per(std::string_view text, std::string_view unit, std::string_view option) {
  constexpr double kMost = 1e15;
  std::string_view rest = text;
  const auto value = take_number(rest);
  double factor = 1;
  if (rest.starts_with('k') || rest.starts_with('K')) factor = 1e3;
  if (rest.starts_with('M')) factor = 1e6;
  if (factor > 1) rest.remove_prefix(1);
  const bool whole = rest.empty() || (rest.starts_with('/') && rest.substr(1) == unit);
  if (value && whole && *value * factor >= 1 && *value * factor <= kMost) {
    return static_cast<uint64_t>(std::llround(*value * factor));
  }
  return fail(ErrorCode::invalid_argument, "{} {}: give a number such as 60/{}", option, printable(std::string(text)),
              unit);
}

}  // namespace exogpu::cli
