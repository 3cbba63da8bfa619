// The network interfaces of this machine, and whether nodes can find each other on them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "node/finding.h"

namespace exogpu::node {

struct InterfaceAddress {
  std::string text;  // of a link, with its interface: "fe80::1%eth0"
  unsigned prefix_bits = 0;
};

struct Interface {
  std::string name;
  bool up = false;         // by its settings
  bool connected = false;  // a cable, a network of Wi-Fi
  bool loopback = false;
  bool multicast = false;
  bool tunnel = false;  // to one other end
  std::vector<InterfaceAddress> addresses{};

  bool has(bool ipv6) const;
  // Nodes are looked for on it.
  bool usable() const { return up && connected && !loopback && multicast && !addresses.empty(); }
};

// Errors: internal.
Result<std::vector<Interface>> read_interfaces();

// A line for each that is up, and for there being none of use.
std::vector<Finding> judge_interfaces(std::span<const Interface> interfaces);

// Whether an address is in a network that one of them is part of.
bool in_own_network(std::span<const Interface> interfaces, std::string_view address);

// "10.0.0.2, fd77::1" of all but the loopback; "none".
std::string own_addresses_text(std::span<const Interface> interfaces);

}  // namespace exogpu::node
