// A look at the nodes on the local network.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/mdns/discovered.h"

namespace exogpu::node {

// Looks for so long, or until `enough` of what has been found so far, in which case for a moment more. Blocks.
// Errors: unavailable, when mDNS cannot be used here.
Result<std::vector<net::DiscoveredNode>> discover_nodes(
    std::chrono::milliseconds timeout, const std::function<bool(const std::vector<net::DiscoveredNode>&)>& enough = {});

// Those of a cluster that can let others in, after a look of 3.5 seconds at most; none when it cannot be looked.
std::vector<net::DiscoveredNode> admitting_nodes(wire::ClusterId cluster);

// "desk (10.0.0.2 port 7766), laptop (...)"; empty for none.
std::string names_of(const std::vector<net::DiscoveredNode>& nodes);

}  // namespace exogpu::node
