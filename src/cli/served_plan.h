// What a cluster serves, as /v1/cluster shows it to the commands that compare it with something.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/api_options.h"

namespace exogpu::cli {

// The entry of the model, null where the cluster has none of this name. Errors: those of the call.
Result<nlohmann::ordered_json> model_in_cluster(const api::ApiAddress& at, const std::string& model);

// The stages of a plan in it: "desk/cuda0 0-11, attic/cpu 12-23".
std::string stages_text(const nlohmann::ordered_json& stages);

}  // namespace exogpu::cli
