// HOST:PORT as users write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu {

struct HostPort {
  std::string host;  // empty: all addresses, for a listener
  uint16_t port = 0;
};

// "desk:7766", "10.0.0.2:7766", "[::1]:7766", ":7766", "desk", "[::1]". The default port is `port`.
// Errors: invalid_argument, naming `option`.
Result<HostPort> parse_host_port(std::string_view text, uint16_t port, std::string_view option);

}  // namespace exogpu
