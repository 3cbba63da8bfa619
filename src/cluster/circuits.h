// Electric circuits that devices share: what one of them draws is not left to the others.
#pragma once

#include <vector>

#include "placement/placement.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// The devices for which their circuit has no power left, each with a rule for the planner: the fastest devices of a
// circuit get it first. What a device draws while it computes is measured (`active_w`); it counts as nothing before. Of
// nodes that name different powers of a circuit the lowest counts. Only nodes whose devices plans may use.
std::vector<placement::DeviceRule> circuit_rules(const wire::NodeRecords& nodes);

}  // namespace exogpu::cluster
