#include "worker/relevant_state.h"

#include <algorithm>

namespace exogpu::worker {

bool takes_part(const wire::StagePlan& plan, wire::NodeId node) {
  return std::ranges::any_of(plan.stages, [&](const wire::PlannedStage& stage) { return stage.device.node == node; });
}

wire::ReplicatedState relevant_state(const wire::ReplicatedState& state, const cluster::LocalPlan& local) {
  wire::ReplicatedState out{.at = state.at,
                            .nodes = {},
                            .model = {},
                            .plan = state.plan,
                            .epoch_last = state.epoch_last,
                            .no_plan_reason = state.no_plan_reason};
  if (state.model) {
    out.model.emplace();
    out.model->model = state.model->model;
    out.model->content = state.model->content;
  }
  const auto add = [&](wire::NodeId id) {
    const auto node = state.nodes.find(id);
    if (node == state.nodes.end() || out.nodes.contains(id)) return;
    wire::NodeRecord& record = out.nodes[id];
    record.facts.info.self = node->second.facts.info.self;
    record.facts.incarnation = node->second.facts.incarnation;
    record.online = node->second.online;
    record.unfit = node->second.unfit;
  };
  add(local.self);
  if (state.plan) {
    for (const wire::PlannedStage& stage : state.plan->made.plan.stages) add(stage.device.node);
  }
  if (local.plan) {
    for (const wire::PlannedStage& stage : local.plan->stages) add(stage.device.node);
  }
  return out;
}

}  // namespace exogpu::worker
