#include "gpu/control_groups.h"

#include <string>

#include "gpu/proc_file.h"

namespace exogpu::gpu {

namespace fs = std::filesystem;

// Version 2 ("0::/path") has one tree; version 1 ("4:memory:/path") one for each controller.
std::vector<fs::path> control_groups(const fs::path& root, std::string_view controller) {
  fs::path mount = root / "sys/fs/cgroup";
  std::string group;
  for (const std::string& line : read_lines(root / "proc/self/cgroup")) {
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers == ",,") {
      group = line.substr(second + 1);
    } else if (controllers.find("," + std::string(controller) + ",") != std::string::npos) {
      group = line.substr(second + 1);
      mount /= controller;
      break;
    }
  }
  std::vector<fs::path> folders;
  fs::path below = fs::path(group).relative_path().lexically_normal();
  for (; !below.empty() && below != "."; below = below.parent_path()) folders.push_back(mount / below);
  // In a container the group's own path is often not visible, and its limits lie at the top.
  folders.push_back(mount);
  return folders;
}

}  // namespace exogpu::gpu
