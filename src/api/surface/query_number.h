// Numbers in the query of a request's address.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "api/json/api_error.h"
#include "api/surface/query.h"

namespace exogpu::api {

// The number of `key`; nothing where the query has none. Errors: bad_field(), unless it is a whole text from `least` to
// `most`.
template <typename Number>
Parsed<std::optional<Number>> query_number(std::string_view query, const char* key, Number least, Number most) {
  const std::string text = query_value(query, key);
  if (text.empty()) return std::optional<Number>();
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most)) {
    return bad_field(key, "invalid_value", "must be a number from {} to {}", least, most);
  }
  return std::optional(value);
}

}  // namespace exogpu::api
