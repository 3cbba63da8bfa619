// Devices and links described in a file.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/device_profile.h"

namespace exogpu::cli {

// Reads a text in the format of docs/placement.md: one machine, as `exogpu devices --json --profile` prints it, or
// several with their links. `name` stands for the file in messages.
// Errors: corrupt, naming the part of the file and what is wrong there.
Result<wire::ClusterView> parse_cluster(std::string_view text, const std::string& name);

}  // namespace exogpu::cli
