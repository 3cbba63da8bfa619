// The hub that models are pulled from, as the environment says.
#pragma once

#include <string>

#include "base/result.h"
#include "hub/pull.h"
#include "node/node.h"

namespace exogpu::cli {

// `base`: the hub's address; empty: $HF_ENDPOINT, else huggingface.co. With $HF_TOKEN. Errors: invalid_argument.
Result<hub::Hub> hub_of(std::string base);

// Pulls models into this models folder (empty: the usual one) for clients of a node.
node::PullModel pull_for_clients(std::string folder);
node::PullBytes pull_bytes_for_clients(std::string folder);

}  // namespace exogpu::cli
