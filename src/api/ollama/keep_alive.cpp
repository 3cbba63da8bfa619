#include "api/ollama/keep_alive.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

// Seconds of a unit; nothing for other words.
std::optional<double> unit_s(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  if (unit == "ms") return 1e-3;
  if (unit == "us" || unit == "µs") return 1e-6;
  if (unit == "ns") return 1e-9;
  return std::nullopt;
}

// "1h30m", "-1", "2.5s"
std::optional<double> seconds_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    double count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count, std::chars_format::fixed);
    if (error != std::errc() || count < 0) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const size_t length = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = unit_s(text.substr(0, length));
    if (!unit) return std::nullopt;
    text.remove_prefix(length);
    sum += count * *unit;
  }
  return negative ? -sum : sum;
}

std::optional<double> read_seconds(const json& value) {
  if (value.is_number()) return value.get<double>();
  return value.is_string() ? seconds_of(value.get<std::string>()) : std::nullopt;
}

}  // namespace

Parsed<std::optional<uint32_t>> read_keep_alive(const Fields& fields) {
  const json* value = fields.find("keep_alive");
  if (!value || *value == json("")) return std::nullopt;
  const auto given = read_seconds(*value);
  if (!given || !std::isfinite(*given)) {
    return bad_field("keep_alive", "invalid_value", "must be a number of seconds or a duration, for example \"5m\"");
  }
  if (*given < 0) return std::optional<uint32_t>(0);
  return std::optional(static_cast<uint32_t>(std::clamp(std::ceil(*given), 1.0, 1e9)));
}

bool asks_to_unload(const Fields& fields) {
  const json* value = fields.find("keep_alive");
  return value && read_seconds(*value) == 0.0;
}

}  // namespace exogpu::api::ollama
