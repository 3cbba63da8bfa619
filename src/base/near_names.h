// "Did you mean ...": the known names that a mistyped one is near to.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace exogpu {

// The nearest first, at most `most`: those that hold `wanted`, or differ from it in few letters; case does not count.
std::vector<std::string> near_names(std::string_view wanted, std::span<const std::string> known, size_t most = 3);

// "; near it are A, B" or, of no names, nothing: the end of a message.
std::string near_words(std::span<const std::string> near);

}  // namespace exogpu
