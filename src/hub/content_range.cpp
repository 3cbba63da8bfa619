#include "hub/content_range.h"

#include <charconv>

namespace exogpu::hub {

std::optional<Bytes> parse_bytes(std::string_view digits) {
  Bytes value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash == text.npos || slash == text.npos || slash < dash) return std::nullopt;
  const auto first = parse_bytes(text.substr(0, dash)), last = parse_bytes(text.substr(dash + 1, slash - dash - 1));
  const std::string_view total_text = text.substr(slash + 1);
  const auto total = parse_bytes(total_text);
  if (!first || !last || *first > *last || (!total && total_text != "*") || (total && *last >= *total))
    return std::nullopt;
  return ContentRange{.first = *first, .last = *last, .total = total};
}

}  // namespace exogpu::hub
