#include "cluster/model_view.h"

#include <algorithm>

namespace exogpu::cluster {

using namespace wire;

namespace {

void subtract(NodeRecords& nodes, const PlanMade& made) {
  for (size_t i = 0; i < made.plan.stages.size(); ++i) {
    const DeviceRef& used = made.plan.stages[i].device;
    const auto node = nodes.find(used.node);
    if (node == nodes.end()) continue;
    for (DeviceProfile& device : node->second.facts.info.devices) {
      if (device.id == used) device.memory_free -= std::min(device.memory_free, made.stage_bytes[i]);
    }
  }
}

std::map<DeviceRef, Bytes> memory_spared(const NodeRecords& nodes) {
  std::map<DeviceRef, Bytes> spared;
  for (const auto& [id, node] : nodes) {
    const std::optional<Bytes> most = node.condition.memory.bytes_max;
    if (!most) continue;
    for (const DeviceProfile& device : node.facts.info.devices) {
      if (device.uses_host_memory && device.memory_free > *most) spared[device.id] = device.memory_free - *most;
    }
  }
  return spared;
}

}  // namespace

ModelView model_view(const ReplicatedState& state, const std::string& content) {
  ModelView view{.nodes = state.nodes,
                 .model = {},
                 .plan = {},
                 .no_plan_reason = std::string(kNotServed),
                 .unfit = {},
                 .epoch_last = state.epoch_last,
                 .links_avoided = state.links_avoided,
                 .memory_spared = memory_spared(state.nodes)};
  for (const auto& [id, record] : state.models) {
    if (id != content) {
      if (record.plan) subtract(view.nodes, record.plan->made);
      view.alone = view.alone && !record.plan;
      continue;
    }
    view.model = record.served;
    view.plan = record.plan;
    view.no_plan_reason = record.no_plan_reason;
    view.unfit = record.unfit;
  }
  return view;
}

}  // namespace exogpu::cluster
