// Whether mDNS can be used on an interface at all: a question of our own is sent, and must come back.
#pragma once

#include <string>

#include "net/channel.h"

namespace exogpu::net {

enum class Echo {
  heard,
  not_heard,      // a firewall of this machine drops what arrives at the port
  cannot_send,    // a firewall of this machine forbids it, or there is no route
  port_taken,     // another program has UDP 5353 for itself alone
  cannot_listen,  // on this interface
};

struct EchoResult {
  Echo echo = Echo::heard;
  std::string words{};  // the system's, of what did not work
};

// Over IPv6 when `ipv6`, else over IPv4. Blocks for `within` at most.
EchoResult hear_own_question(const std::string& interface, bool ipv6, Duration within = std::chrono::milliseconds(500));

}  // namespace exogpu::net
