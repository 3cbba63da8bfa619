// Devices and links as a file describes them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/device_profile.h"

namespace exogpu::cli {

// The text of a file as docs/placement.md describes it: one machine, as `exogpu devices --json --profile` prints it, or
// several with the links between them. `name` stands for the file in error messages.
// Errors: corrupt, naming the place and what is wrong there.
Result<wire::ClusterView> parse_cluster(std::string_view text, const std::string& name);

}  // namespace exogpu::cli
