// Words that a person may have meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace exogpu::cli {

// The one of `candidates` that `word` is most likely a misspelling or a shortening of; nothing when none is near.
// Leading dashes do not count.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// "; did you mean X?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace exogpu::cli
