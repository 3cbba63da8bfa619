// The nodes found on the local network.
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
  Announcement announcement;
  // In the form that connect() takes, the most likely to work first. A link-local IPv6 address has its interface:
  // "fe80::1%eth0".
  std::vector<std::string> addresses;
  friend bool operator==(const DiscoveredNode&, const DiscoveredNode&) = default;
};

struct DiscoveryHandler {
  std::function<void(const DiscoveredNode&)> on_found;
  std::function<void(const DiscoveredNode&)> on_changed;  // another announcement, or other addresses
  // The node announcement goodbye, or has not renewed its announcement for two minutes.
  std::function<void(wire::NodeId)> on_gone;
  std::function<void(const Error&)> on_trouble;  // worth a message to the user; discovery goes on
};

}  // namespace exogpu::net
