// The cluster as JSON, for people and programs (GET /v1/cluster).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "wire/cluster.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

// What nodes have said of their stages, beside what the state has of them.
using StagesNow = std::map<uint32_t, wire::StageProgress>;

// Why requests are not answered now, in words; empty when they are.
std::string why_not_serving(const wire::ReplicatedState& state, const StagesNow& stages);

// An object. `master`: who leads, where somebody does; `alone`: why nobody does.
std::string page_of(const wire::ReplicatedState& state, std::optional<wire::NodeId> master, const std::string& alone,
                    const StagesNow& stages);

}  // namespace exogpu::node
