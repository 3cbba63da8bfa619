// The models of a cluster as tables, from the JSON of /v1/cluster.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace exogpu::cli {

// What is loaded, where, how fast, and when it was used last: `exogpu ps`.
std::string loaded_models_table(const nlohmann::json& cluster, std::chrono::system_clock::time_point now);

// Every model that a node has a file of: `exogpu models --cluster`.
std::string library_table(const nlohmann::json& cluster);
// Whether each of them is loaded, or has a prediction.
bool predictions_complete(const nlohmann::json& cluster);

}  // namespace exogpu::cli
