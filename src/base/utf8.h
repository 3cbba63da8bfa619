// UTF-8: validation, and a safe form of untrusted bytes for display.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace exogpu {

// The length in bytes (1 to 4) of the well-formed character at the start of `text`, or 0 if there is none. Overlong
// forms, surrogates and values above U+10FFFF are not well-formed.
size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

// `text` made safe for a terminal and for JSON: invalid bytes become U+FFFD, control characters become "
// " or "\x1b".
std::string printable(std::string_view text);

}  // namespace exogpu
