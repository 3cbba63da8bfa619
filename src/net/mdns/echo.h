// Tests whether mDNS works on an interface: sends a query, which must come back.
#pragma once

#include <string>

#include "net/channel.h"

namespace exogpu::net {

enum class Echo {
  received,
  not_received,   // a firewall of this machine drops packets to the port
  cannot_send,    // a firewall of this machine forbids it, or there is no route
  port_taken,     // another program uses UDP port 5353 exclusively
  cannot_listen,  // on this interface
};

struct EchoResult {
  Echo echo = Echo::received;
  std::string error_text{};  // the operating system's message, unless received
};

// Uses IPv6 if `ipv6`, else IPv4. Blocks for at most `within`.
EchoResult probe_echo(const std::string& interface, bool ipv6, Duration within = std::chrono::milliseconds(500));

}  // namespace exogpu::net
