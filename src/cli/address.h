// HOST:PORT as a person writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::cli {

struct HostPort {
  std::string host;  // may be empty: "every address" for a listener
  uint16_t port = 0;
};

// "desk:7766", "10.0.0.2:7766", "[::1]:7766", ":7766", "desk", "[::1]". Without a port it is `port`.
// Errors: invalid_argument, naming `option`.
Result<HostPort> parse_host_port(std::string_view text, uint16_t port, std::string_view option);

}  // namespace exogpu::cli
