// The names of nodes and devices in messages to people.
#pragma once

#include <map>
#include <string>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// The node's own name, with the beginning of its id where two nodes have the same name; only that of an unknown
// node.
std::string name_of(const wire::NodeRecords& nodes, wire::NodeId node);
// Of all these nodes.
std::map<wire::NodeId, std::string> names_of(const wire::NodeRecords& nodes);
// "desk/vulkan0"
std::string name_of(const wire::NodeRecords& nodes, const wire::DeviceRef& device);

}  // namespace exogpu::cluster
