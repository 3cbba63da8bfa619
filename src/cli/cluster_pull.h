// Has the cluster of a running node pull a model from a hub.
#pragma once

#include <string>

#include "api/ask.h"
#include "base/result.h"

namespace exogpu::cli {

// The node of the cluster with room for the model fetches it into its models folder, while a bar shows how far it is.
// Returns the name by which the model is in the library. Errors: those of the connection and of the pull.
Result<std::string> pull_in_cluster(const api::ApiAddress& at, const std::string& source);

}  // namespace exogpu::cli
