#include "node/cluster_counter.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace exogpu::node {
namespace {

std::string_view reason_of(const wire::ReplicatedState& state, const wire::ModelRecord& model,
                           const wire::StagePlan* before) {
  if (before == nullptr) return "first";
  const auto any_device = [&](const auto& holds) {
    return std::ranges::any_of(before->stages, [&](const wire::PlannedStage& stage) { return holds(stage.device); });
  };
  const auto is_lost = [&](const wire::DeviceRef& device) {
    const auto node = state.nodes.find(device.node);
    return node == state.nodes.end() || !node->second.online;
  };
  if (any_device(is_lost)) return "node_lost";
  if (any_device([&](const wire::DeviceRef& device) { return model.unfit.contains(device); })) return "device_failed";
  return "replanned";
}

}  // namespace

void ClusterCounter::observe_leader(std::optional<wire::NodeId> leader) {
  if (!leader || std::exchange(leader_, leader) == leader) return;
  const MutexLock lock(mutex_);
  ++counts_.leader_changes;
}

void ClusterCounter::observe(const wire::ReplicatedState& state) {
  std::erase_if(plans_, [&](const auto& plan) { return !state.models.contains(plan.first); });
  for (const auto& [content, model] : state.models) {
    if (!model.plan) continue;
    const wire::StagePlan& plan = model.plan->made.plan;
    const auto before = plans_.find(content);
    if (before != plans_.end() && before->second.epoch == plan.epoch) continue;
    const std::string_view reason = reason_of(state, model, before == plans_.end() ? nullptr : &before->second);
    plans_.insert_or_assign(content, plan);
    const MutexLock lock(mutex_);
    ++counts_.plans[std::string(reason)];
  }
}

ClusterCounts ClusterCounter::counts() const {
  const MutexLock lock(mutex_);
  return counts_;
}

}  // namespace exogpu::node
