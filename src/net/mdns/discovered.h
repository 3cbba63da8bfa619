// What is told of the nodes on the local network.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/mdns/announcement.h"

namespace exogpu::net {

inline constexpr size_t kDiscoveredNodesMax = 256;
inline constexpr size_t kDiscoveredAddressesMax = 16;

struct DiscoveredNode {
  Announcement said;
  // As connect() takes them, the likeliest to work first; an IPv6 address of the link has its interface:
  // "fe80::1%eth0".
  std::vector<std::string> addresses;
  friend bool operator==(const DiscoveredNode&, const DiscoveredNode&) = default;
};

struct DiscoveryHandler {
  std::function<void(const DiscoveredNode&)> on_found;
  std::function<void(const DiscoveredNode&)> on_changed;  // what it says, or its addresses
  // It has taken its leave, or has not renewed what it said for two minutes.
  std::function<void(wire::NodeId)> on_gone;
  std::function<void(const Error&)> on_trouble;  // that a person should know of; discovery goes on
};

}  // namespace exogpu::net
