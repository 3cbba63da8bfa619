// The names of nodes and devices in messages to people.
#pragma once

#include <map>
#include <string>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// The node's own name, with the beginning of its id where two nodes have the same name; only that of a node that the
// state does not know.
std::string name_of(const wire::ReplicatedState& state, wire::NodeId node);
// Of all nodes of the state.
std::map<wire::NodeId, std::string> names_of(const wire::ReplicatedState& state);
// "desk/vulkan0"
std::string name_of(const wire::ReplicatedState& state, const wire::DeviceRef& device);

}  // namespace exogpu::cluster
