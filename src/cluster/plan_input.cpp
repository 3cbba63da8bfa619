#include "cluster/plan_input.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "cluster/circuits.h"
#include "cluster/condition.h"
#include "cluster/fold.h"
#include "cluster/names.h"
#include "cluster/serving_speeds.h"
#include "placement/by_name.h"
#include "placement/precision.h"

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

Bytes memory_left(const ModelView& state, const DeviceProfile& device, placement::GivenUp given_up) {
  const auto spared = state.memory_spared.find(device.id);
  if (spared == state.memory_spared.end() || given_up.has(placement::Soft::memory)) return device.memory_free;
  return device.memory_free - std::min(device.memory_free, spared->second);
}

std::vector<NodeId> usable_nodes(const ModelView& state) {
  std::vector<std::tuple<bool, double, NodeId>> sorted;
  for (const auto& [id, node] : state.nodes) {
    if (!takes_part(node)) continue;
    const bool idle = std::ranges::all_of(
        node.facts.info.devices, [&](const DeviceProfile& device) { return !rules_of(node, device.id).empty(); });
    sorted.emplace_back(idle, -worth(node), id);
  }
  std::ranges::sort(sorted);
  std::vector<NodeId> nodes;
  for (const auto& [idle, value, id] : sorted) nodes.push_back(id);
  return nodes;
}

ClusterView profiles_of(const ModelView& state, std::vector<NodeId> nodes) {
  std::ranges::sort(nodes);
  const auto names = names_of(state.nodes);
  ClusterView view;
  for (const NodeId id : nodes) {
    for (DeviceProfile device : state.nodes.at(id).facts.info.devices) {
      device.node_name = names.at(id);
      view.devices.push_back(std::move(device));
    }
  }
  for (const NodeId from : nodes) {
    const auto& measured = state.nodes.at(from).facts.info.links;
    for (const NodeId to : nodes) {
      if (from == to) continue;
      LinkProfile link{.from = from, .to = to, .delay_s = kDelayUnknown, .bytes_per_s = kBytesPerSecondUnknown};
      const auto found = std::ranges::find(measured, to, &LinkProfile::to);
      if (found != measured.end()) link.delay_s = found->delay_s;
      if (found != measured.end() && found->bytes_per_s > 0) link.bytes_per_s = found->bytes_per_s;
      view.links.push_back(link);
    }
  }
  return view;
}

ClusterView view_of(const ModelView& state, std::vector<NodeId> nodes) {
  ClusterView view = profiles_of(state, std::move(nodes));
  for (DeviceProfile& device : view.devices) {
    const NodeRecord& node = state.nodes.at(device.id.node);
    if (state.model) correct(device, node.condition.speeds, *state.model);
    slow_down(device, speed_share(node, device.id.device));
  }
  for (LinkProfile& link : view.links) correct(link, state.nodes);
  return state.model ? placement::with_conversions(std::move(view), state.model->shape) : view;
}

placement::PlacementRequest request_of(const ServedModel& model) {
  placement::PlacementRequest request;
  request.serving = model.settings;
  request.devices_min = model.devices_min;
  return request;
}

Result<placement::PlacementRequest> request_of(const ModelView& state, const ClusterView& view) {
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
    std::ranges::move(rules_of(state.nodes.at(device.id.node), device.id), std::back_inserter(request.rules));
    const auto failed = state.unfit.find(device.id);
    if (failed == state.unfit.end()) continue;
    if (std::ranges::contains(request.fixed_layers, device.id, &placement::AssignedLayers::device)) {
      return fail(ErrorCode::unavailable,
                  "{} is given layers by hand and could not load them; it is tried again when node {} is restarted, "
                  "or give it fewer",
                  name_of(state.nodes, device.id), device.node_name);
    }
    request.rules.push_back({.device = device.id, .rule = placement::Rule::failed, .reason = failed->second});
  }
  std::ranges::move(circuit_rules(state.nodes), std::back_inserter(request.rules));
  request.links_avoided = state.links_avoided;
  request.memory_spared = state.memory_spared;
  return request;
}

}  // namespace exogpu::cluster
