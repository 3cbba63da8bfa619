#include "worker/step_comparison.h"

#include <algorithm>
#include <map>
#include <set>

#include "cluster/condition.h"
#include "cluster/plan_input.h"
#include "wire/device_group.h"

namespace exogpu::worker {
namespace {

cluster::StepTime time_of(const pipeline::StepRecord& record) {
  return {.layers = record.layers,
          .work = {.tokens = static_cast<double>(record.size.tokens),
                   .kv_tokens = record.size.context,
                   .outputs = static_cast<double>(record.size.sequences)},
          .head_outputs = static_cast<double>(record.size.outputs),
          .took_s = record.took_s};
}

// As plans take it.
double others_leave(const wire::ReplicatedState& state, const wire::DeviceRef& device) {
  double least = 1;
  for (const std::string_view member : wire::group_members(device.device)) {
    for (const wire::DeviceCondition& each : state.nodes.at(device.node).condition.devices) {
      if (each.device == member) least = std::min(least, cluster::share_left(each));
    }
  }
  return least;
}

bool is_paced(const wire::ReplicatedState& state, const wire::StagePlan& plan) {
  return std::ranges::any_of(plan.stages, [&](const wire::PlannedStage& stage) {
    const auto node = state.nodes.find(stage.device.node);
    return node != state.nodes.end() &&
           std::ranges::any_of(node->second.condition.devices, [](const wire::DeviceCondition& device) {
             return device.action != wire::HeatAction::none;
           });
  });
}

}  // namespace

void compare_steps(cluster::ServingSpeeds& speeds, const wire::ReplicatedState& state, const wire::DeviceRef& device,
                   const std::vector<pipeline::StepRecord>& records, cluster::Time now) {
  std::map<std::string, std::vector<cluster::StepTime>> by_model;
  for (const pipeline::StepRecord& record : records) by_model[record.content].push_back(time_of(record));
  const wire::DeviceProfile* profile = cluster::find_device(state.nodes, device);
  if (profile == nullptr) return;
  for (const auto& [content, steps] : by_model) {
    const auto model = state.models.find(content);
    if (model == state.models.end()) continue;
    speeds.add(*profile, model->second.served, others_leave(state, device), steps, now);
  }
}

void compare_trips(cluster::LinkSpeeds& speeds, const wire::ReplicatedState& state, const wire::StagePlan& plan,
                   const std::vector<pipeline::TripRecord>& trips, cluster::Time now) {
  const auto model = state.models.find(plan.content);
  if (trips.empty() || model == state.models.end() || is_paced(state, plan)) return;
  std::vector<cluster::TripTime> times;
  for (const pipeline::TripRecord& trip : trips)
    times.push_back({.tokens = static_cast<double>(trip.tokens), .between_s = trip.between_s});
  std::set<wire::NodeId> nodes;
  for (const wire::PlannedStage& stage : plan.stages) {
    if (state.nodes.contains(stage.device.node)) nodes.insert(stage.device.node);
  }
  const wire::ClusterView view =
      cluster::profiles_of(cluster::model_view(state, plan.content), {nodes.begin(), nodes.end()});
  speeds.add(view, model->second.served, plan, times, now);
}

}  // namespace exogpu::worker
