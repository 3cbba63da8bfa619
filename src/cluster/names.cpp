#include "cluster/names.h"

#include <algorithm>
#include <format>

namespace exogpu::cluster {

std::string name_of(const wire::ReplicatedState& state, wire::NodeId node) {
  const auto found = state.nodes.find(node);
  if (found == state.nodes.end()) return node.short_text();
  const std::string& name = found->second.facts.info.self.name;
  const auto same =
      std::ranges::count_if(state.nodes, [&](const auto& entry) { return entry.second.facts.info.self.name == name; });
  return same == 1 ? name : std::format("{}-{}", name, node.short_text());
}

std::string name_of(const wire::ReplicatedState& state, const wire::DeviceRef& device) {
  return name_of(state, device.node) + "/" + device.device;
}

}  // namespace exogpu::cluster
