// What a planner is asked, from the state of the cluster: which nodes take part, what they can do, what is wanted.
#pragma once

#include <vector>

#include "placement/placement.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// Null where there is none.
const wire::DeviceProfile* find_device(const wire::ReplicatedState& state, const wire::DeviceRef& ref);

// Whether plans are better off without the device by at least `from` (`avoidance()`).
bool is_avoided(const wire::ReplicatedState& state, const wire::DeviceRef& device, int from);

// The nodes that can take part, the most useful first, and last those of which all devices are avoided.
std::vector<wire::NodeId> usable_nodes(const wire::ReplicatedState& state, int avoidance_limit);

// The devices and links of these nodes as they are now, with the heat of the devices; without links left out of plans.
wire::ClusterView view_of(const wire::ReplicatedState& state, std::vector<wire::NodeId> nodes);

// Whatever devices serve it.
placement::PlacementRequest request_of(const wire::ServedModel& model);

// Without devices that are excluded by name, avoided by at least `avoidance_limit`, or failed to load their part.
// Errors: those of layers given by hand.
Result<placement::PlacementRequest> request_of(const wire::ReplicatedState& state, const wire::ClusterView& view,
                                               int avoidance_limit);

}  // namespace exogpu::cluster
