// The operating system's counters of a TCP connection.
#pragma once

#include <cstdint>
#include <optional>

namespace exogpu::net {

struct WireBytes {
  uint64_t sent = 0;
  uint64_t resent = 0;  // of those, retransmitted
};

// Empty if the operating system has no such counters; Linux has them since 4.19.
std::optional<WireBytes> wire_bytes(int socket);

}  // namespace exogpu::net
