#include "cluster/plan_input.h"

#include <algorithm>
#include <tuple>

#include "cluster/condition.h"
#include "cluster/fold.h"
#include "cluster/names.h"
#include "placement/by_name.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

// Assumed of a link without measurements: a wired home network.
constexpr double kDelayUnknown = 0.3e-3;
constexpr double kBytesPerSecondUnknown = 1e8;

double worth(const NodeRecord& node) {
  double most = 0;
  for (const DeviceProfile& device : node.facts.info.devices) {
    const double rate = device.rates.empty() ? 0 : device.rates.front().matvec_bytes_per_s;
    most = std::max(most, rate * static_cast<double>(device.memory_free));
  }
  return most;
}

// The speeds of a hot device.
void slow_down(DeviceProfile& device, double speed) {
  device.memory_bytes_per_s *= speed;
  for (WeightRates& rates : device.rates) {
    rates.matvec_bytes_per_s *= speed;
    rates.matmul_flops_per_s *= speed;
  }
}

}  // namespace

const DeviceProfile* find_device(const NodeRecords& nodes, const DeviceRef& ref) {
  const auto node = nodes.find(ref.node);
  if (node == nodes.end()) return nullptr;
  const auto& devices = node->second.facts.info.devices;
  const auto found = std::ranges::find(devices, ref, &DeviceProfile::id);
  return found == devices.end() ? nullptr : &*found;
}

bool is_avoided(const ModelView& state, const DeviceRef& device, int from) {
  const auto node = state.nodes.find(device.node);
  return node != state.nodes.end() && avoidance(node->second, device.device) >= from;
}

std::vector<NodeId> usable_nodes(const ModelView& state, int avoidance_limit) {
  std::vector<std::tuple<bool, double, NodeId>> sorted;
  for (const auto& [id, node] : state.nodes) {
    if (!node.online || node.draining) continue;
    const bool idle = std::ranges::all_of(node.facts.info.devices, [&](const DeviceProfile& device) {
      return avoidance(node, device.id.device) >= avoidance_limit;
    });
    sorted.emplace_back(idle, -worth(node), id);
  }
  std::ranges::sort(sorted);
  std::vector<NodeId> nodes;
  for (const auto& [idle, value, id] : sorted) nodes.push_back(id);
  return nodes;
}

ClusterView view_of(const ModelView& state, std::vector<NodeId> nodes) {
  std::ranges::sort(nodes);
  const auto names = names_of(state.nodes);
  ClusterView view;
  for (const NodeId id : nodes) {
    for (DeviceProfile device : state.nodes.at(id).facts.info.devices) {
      device.node_name = names.at(id);
      slow_down(device, speed_share(state.nodes.at(id), device.id.device));
      view.devices.push_back(std::move(device));
    }
  }
  for (const NodeId from : nodes) {
    const auto& measured = state.nodes.at(from).facts.info.links;
    for (const NodeId to : nodes) {
      if (from == to || state.links_avoided.contains(pair_of(from, to))) continue;
      LinkProfile link{.from = from, .to = to, .delay_s = kDelayUnknown, .bytes_per_s = kBytesPerSecondUnknown};
      const auto found = std::ranges::find(measured, to, &LinkProfile::to);
      if (found != measured.end()) link.delay_s = found->delay_s;
      if (found != measured.end() && found->bytes_per_s > 0) link.bytes_per_s = found->bytes_per_s;
      view.links.push_back(link);
    }
  }
  return view;
}

placement::PlacementRequest request_of(const ServedModel& model) {
  placement::PlacementRequest request;
  request.serving = model.settings;
  request.devices_min = model.devices_min;
  return request;
}

Result<placement::PlacementRequest> request_of(const ModelView& state, const ClusterView& view, int avoidance_limit) {
  const ServedModel& model = *state.model;
  placement::PlacementRequest request = request_of(model);
  if (!model.layers.empty()) {
    EXO_TRY(request.fixed_layers, placement::parse_layers(view, model.layers));
  }
  for (const std::string& name : model.without) {
    // A name that matches no device now may match one that comes online later.
    if (auto device = placement::find_device(view, name)) request.excluded.push_back(*std::move(device));
  }
  for (const DeviceProfile& device : view.devices) {
    if (!state.unfit.contains(device.id)) {
      if (is_avoided(state, device.id, avoidance_limit)) request.excluded.push_back(device.id);
      continue;
    }
    if (std::ranges::contains(request.fixed_layers, device.id, &placement::AssignedLayers::device)) {
      return fail(ErrorCode::unavailable,
                  "{} is given layers by hand and could not load them; it is tried again when node {} is restarted, "
                  "or give it fewer",
                  name_of(state.nodes, device.id), device.node_name);
    }
    request.excluded.push_back(device.id);
  }
  return request;
}

}  // namespace exogpu::cluster
