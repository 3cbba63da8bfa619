// UTF-8: is it, and how untrusted bytes are shown to a person.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace exogpu {

// The length in bytes (1 to 4) of the well-formed character at the start of `text`, or 0 when there is none: overlong
// forms, surrogates and values past U+10FFFF are not well-formed.
size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

// `text` made safe for a terminal and for JSON: broken bytes become U+FFFD, control characters are written as "\n" or
// "\x1b".
std::string printable(std::string_view text);

}  // namespace exogpu
