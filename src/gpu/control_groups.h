// The control groups of this process (cgroups, versions 1 and 2).
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace exogpu::gpu {

// The folders of this process's group for a controller ("cpu", "memory"), the group itself first, then its parents: a
// limit on any of them binds. Reads /proc below `root`; the folders need not exist.
std::vector<std::filesystem::path> control_groups(const std::filesystem::path& root, std::string_view controller);

}  // namespace exogpu::gpu
