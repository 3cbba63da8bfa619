#include "cli/rates.h"

#include <array>
#include <format>

namespace exogpu::cli {

std::string rate_text(double per_s, std::string_view unit) {
  static constexpr std::array prefixes = {"", "k", "M", "G", "T", "P"};
  size_t prefix = 0;
  while (per_s >= 999.5 && prefix + 1 < prefixes.size()) {
    per_s /= 1000;
    ++prefix;
  }
  return std::format("{:.3g} {}{}", per_s, prefixes[prefix], unit);
}

}  // namespace exogpu::cli
