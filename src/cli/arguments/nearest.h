// Suggestions for misspelt words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace exogpu::cli {

// The candidate of which `word` is most likely a misspelling or an abbreviation; empty if none is near. Ignores leading
// dashes.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// "; did you mean X?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace exogpu::cli
