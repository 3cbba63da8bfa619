#include "node/pull_place.h"

#include <algorithm>
#include <format>
#include <optional>
#include <string>
#include <tuple>

#include "base/units.h"
#include "cluster/names.h"

namespace exogpu::node {

namespace {

constexpr Bytes kDiskReserve = 256 * MiB;  // stays free
constexpr Bytes kHeaderMax = 32 * MiB;

// That models may take: devices that use the host's memory share it.
Bytes memory_of(const wire::NodeRecord& node) {
  Bytes of_host = 0, own = 0;
  for (const wire::DeviceProfile& device : node.facts.info.devices) {
    if (device.uses_host_memory) {
      of_host = std::max(of_host, device.memory_free);
    } else {
      own += device.memory_free;
    }
  }
  return own + of_host;
}

// Whether the node may have these files already, by their size: a header comes to the tensors.
bool may_have(const wire::NodeRecord& node, Bytes bytes) {
  return std::ranges::any_of(node.library, [&](const wire::LibraryModel& model) {
    return model.bytes > 0 && model.bytes <= bytes && bytes - model.bytes <= kHeaderMax;
  });
}

}  // namespace

Result<wire::NodeId> node_to_pull(const wire::ReplicatedState& state, const std::map<wire::NodeId, Bytes>& rooms,
                                  Bytes bytes, wire::NodeId asked) {
  using Rank = std::tuple<Bytes, bool, bool, Bytes>;
  std::optional<std::pair<Rank, wire::NodeId>> best;
  std::string free;
  for (const auto& [id, room] : rooms) {
    static const wire::NodeRecord unknown{};
    const auto found = state.nodes.find(id);
    const wire::NodeRecord& node = found == state.nodes.end() ? unknown : found->second;
    // A node that has just started may not be in its own state yet.
    if (id != asked && (!node.online || node.draining)) continue;
    free += std::format("; {} has {} free", cluster::name_of(state.nodes, id), format_bytes(room));
    if (bytes > 0 && room < bytes + std::min(kDiskReserve, ~Bytes{0} - bytes)) continue;
    // The most that is of use is all of the model.
    const Rank rank{std::min(memory_of(node), bytes), may_have(node, bytes), id == asked, room};
    if (!best || rank > best->first) best.emplace(rank, id);
  }
  if (best) return best->second;
  if (free.empty()) return fail(ErrorCode::unavailable, "no node that is online pulls models");
  return fail(ErrorCode::resource_exhausted, "no node has room for {} of files beside a reserve of {}{}",
              format_bytes(bytes), format_bytes(kDiskReserve), free);
}

}  // namespace exogpu::node
