// "Did you mean ...": the known names that a mistyped one is near to.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace exogpu {

// The nearest first, at most `most`: names that contain `wanted`, or differ from it in few letters. Ignores case.
std::vector<std::string> near_names(std::string_view wanted, std::span<const std::string> known, size_t most = 3);

// "; near it: A, B", or empty for no names: the end of a message.
std::string near_words(std::span<const std::string> near);

}  // namespace exogpu
