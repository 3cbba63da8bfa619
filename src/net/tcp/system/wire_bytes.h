// What the system counts of a TCP connection.
#pragma once

#include <cstdint>
#include <optional>

namespace exogpu::net {

struct WireBytes {
  uint64_t sent = 0;
  uint64_t resent = 0;  // of those: again, since nobody acknowledged them
};

// Nothing where the system does not tell: Linux does from 4.19 on.
std::optional<WireBytes> wire_bytes(int socket);

}  // namespace exogpu::net
