// The planner's input, from the replicated state: the nodes that take part, their profiles, and the request.
#pragma once

#include <vector>

#include "cluster/model_view.h"
#include "placement/placement.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// Null when there is no such device.
const wire::DeviceProfile* find_device(const wire::NodeRecords& nodes, const wire::DeviceRef& ref);

// Whether avoidance() of the device is at least `from`.
bool is_avoided(const ModelView& state, const wire::DeviceRef& device, int from);

// The nodes that plans may use, the most useful first; nodes whose devices are all avoided come last.
std::vector<wire::NodeId> usable_nodes(const ModelView& state, int avoidance_limit);

// The devices and links of these nodes, with the speeds that hot devices reach now; without avoided links.
wire::ClusterView view_of(const ModelView& state, std::vector<wire::NodeId> nodes);

// Without excluded devices and fixed layers.
placement::PlacementRequest request_of(const wire::ServedModel& model);

// Excludes devices that the user named, whose avoidance() is at least `avoidance_limit`, or that failed to load their
// layers. Errors: those of placement::parse_layers(), and unavailable when a device with fixed layers failed to load
// them.
Result<placement::PlacementRequest> request_of(const ModelView& state, const wire::ClusterView& view,
                                               int avoidance_limit);

}  // namespace exogpu::cluster
