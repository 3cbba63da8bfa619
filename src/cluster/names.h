// What people call the nodes of a cluster.
#pragma once

#include <map>
#include <string>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// Its own name, and where two have the same, something of its id as well; of one that the state does not know, the
// beginning of its id.
std::string name_of(const wire::ReplicatedState& state, wire::NodeId node);
// Of all nodes of the state.
std::map<wire::NodeId, std::string> names_of(const wire::ReplicatedState& state);
// "desk/vulkan0"
std::string name_of(const wire::ReplicatedState& state, const wire::DeviceRef& device);

}  // namespace exogpu::cluster
