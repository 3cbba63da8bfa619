// The cluster as JSON: GET /v1/cluster. docs/api.md describes every field.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "node/cluster_snapshot.h"

namespace exogpu::api {

nlohmann::ordered_json cluster_object(const node::ClusterSnapshot& cluster);
// The object as text. Invalid UTF-8 is replaced character by character.
std::string cluster_json(const node::ClusterSnapshot& cluster);

}  // namespace exogpu::api
