#include "node/library/served_names.h"

#include <algorithm>
#include <format>

#include "base/utf8.h"

namespace exogpu::node {

using wire::ReplicatedState;

std::map<std::string, std::string> other_names(const ReplicatedState& state) {
  std::map<std::string, std::string> contents;
  for (const auto& [id, node] : state.nodes) {
    if (!node.online) continue;
    for (const wire::LibraryModel& file : node.library) {
      if (!file.content.empty()) contents.try_emplace(file.model, file.content);
    }
  }
  for (const auto& [content, model] : state.models) contents.erase(model.served.model);
  std::erase_if(contents, [&](const auto& each) { return !state.models.contains(each.second); });
  return contents;
}

const wire::ModelRecord* find_served(const ReplicatedState& state, std::string_view name) {
  const auto same = std::ranges::find(state.models, name, [](const auto& each) { return each.second.served.model; });
  if (same != state.models.end()) return &same->second;
  for (const auto& [id, node] : state.nodes) {
    const auto file = std::ranges::find(node.library, name, &wire::LibraryModel::model);
    if (!node.online || file == node.library.end() || file->content.empty()) continue;
    const auto served = state.models.find(file->content);
    return served == state.models.end() ? nullptr : &served->second;
  }
  return nullptr;
}

Error no_file_here(const ReplicatedState& state, const std::string& name) {
  std::string holders;
  for (const auto& [id, node] : state.nodes) {
    if (!node.online || !std::ranges::contains(node.library, name, &wire::LibraryModel::model)) continue;
    holders += (holders.empty() ? "" : ", ") + node.facts.info.self.name;
  }
  const std::string printed = printable(name);
  if (holders.empty()) return {ErrorCode::not_found, std::format("there is no model \"{}\" in the library", printed)};
  return {ErrorCode::failed_precondition,
          std::format("this node has no file of {}; ask a node that has one: {}", printed, holders)};
}

}  // namespace exogpu::node
