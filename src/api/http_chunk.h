// The chunked coding of HTTP/1.1.
#pragma once

#include <format>
#include <string>
#include <string_view>

namespace exogpu::api {

// An empty one ends the body.
inline std::string chunk(std::string_view text) { return std::format("{:x}\r\n{}\r\n", text.size(), text); }

}  // namespace exogpu::api
