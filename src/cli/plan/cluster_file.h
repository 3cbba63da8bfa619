// Devices and links described in a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "placement/placement.h"
#include "wire/device_profile.h"

namespace exogpu::cli {

struct DescribedCluster {
  wire::ClusterView view;
  std::vector<placement::DeviceRule> rules;
};

// Reads a text in the format of docs/placement.md: one machine, as `exogpu devices --json --profile` prints it, or
// several with their links. `name` stands for the file in messages.
// Errors: corrupt, naming the part of the file and what is wrong there.
Result<DescribedCluster> parse_cluster(std::string_view text, const std::string& name);

}  // namespace exogpu::cli
