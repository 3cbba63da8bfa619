// Groups of devices that compute each layer together, by the names that options, plans and reports give them.
#pragma once

#include <ranges>
#include <string_view>
#include <vector>

namespace exogpu::wire {

// "cuda0" and "cuda1" of "cuda0+cuda1"; a device that is no group is its own only member.
inline std::vector<std::string_view> group_members(std::string_view device) {
  std::vector<std::string_view> members;
  for (const auto name : std::views::split(device, '+')) members.emplace_back(name.begin(), name.end());
  return members;
}

}  // namespace exogpu::wire
