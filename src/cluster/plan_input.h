// The planner's input, from the replicated state: the nodes that take part, their profiles, and the request.
#pragma once

#include <vector>

#include "cluster/model_view.h"
#include "placement/placement.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// Null when there is no such device.
const wire::DeviceProfile* find_device(const wire::NodeRecords& nodes, const wire::DeviceRef& ref);

// The device's free memory, less what its node is short of unless that is given up.
Bytes memory_left(const ModelView& state, const wire::DeviceProfile& device, placement::GivenUp given_up);

// The nodes that plans may use: online, and not being drained. The most useful first; nodes whose devices all violate a
// soft constraint come last.
std::vector<wire::NodeId> usable_nodes(const ModelView& state);

// The devices and links of these nodes by their profiles, without what is known of their present speed.
wire::ClusterView profiles_of(const ModelView& state, std::vector<wire::NodeId> nodes);

// The devices and links of these nodes, with the speeds that were measured while they served, those that hot devices
// reach now, and what they can hold of a model whose weights they convert.
wire::ClusterView view_of(const ModelView& state, std::vector<wire::NodeId> nodes);

// Without excluded devices, fixed layers and rules.
placement::PlacementRequest request_of(const wire::ServedModel& model);

// Everything that constraints judge: devices that the user excluded, that failed to load their layers, whose sensors
// report heat or a low battery; links that failed, and memory that nodes are short of. Errors: those of
// placement::parse_layers(), and unavailable when a device with fixed layers failed to load them.
Result<placement::PlacementRequest> request_of(const ModelView& state, const wire::ClusterView& view);

}  // namespace exogpu::cluster
