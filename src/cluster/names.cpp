#include "cluster/names.h"

#include <algorithm>
#include <format>
#include <string_view>

namespace exogpu::cluster {

namespace {

std::string unique_name(const std::string& name, wire::NodeId node, bool is_unique) {
  return is_unique ? name : std::format("{}-{}", name, node.short_text());
}

}  // namespace

std::map<wire::NodeId, std::string> names_of(const wire::NodeRecords& nodes) {
  std::map<std::string_view, size_t> times;
  for (const auto& [id, node] : nodes) ++times[node.facts.info.self.name];
  std::map<wire::NodeId, std::string> names;
  for (const auto& [id, node] : nodes) {
    const std::string& name = node.facts.info.self.name;
    names.emplace(id, unique_name(name, id, times[name] == 1));
  }
  return names;
}

std::string name_of(const wire::NodeRecords& nodes, wire::NodeId node) {
  const auto found = nodes.find(node);
  if (found == nodes.end()) return node.short_text();
  const std::string& name = found->second.facts.info.self.name;
  const auto same =
      std::ranges::count_if(nodes, [&](const auto& entry) { return entry.second.facts.info.self.name == name; });
  return unique_name(name, node, same == 1);
}

std::string name_of(const wire::NodeRecords& nodes, const wire::DeviceRef& device) {
  return name_of(nodes, device.node) + "/" + device.device;
}

}  // namespace exogpu::cluster
