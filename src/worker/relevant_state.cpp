#include "worker/relevant_state.h"

#include <algorithm>

namespace exogpu::worker {

bool takes_part(const wire::StagePlan& plan, wire::NodeId node) {
  return std::ranges::any_of(plan.stages, [&](const wire::PlannedStage& stage) { return stage.device.node == node; });
}

cluster::ModelView relevant_state(const wire::ReplicatedState& state, const std::string& content,
                                  const cluster::LocalPlan& local) {
  cluster::ModelView out{.nodes = {},
                         .model = {},
                         .plan = {},
                         .no_plan_reason = std::string(cluster::kNotServed),
                         .unfit = {},
                         .epoch_last = state.epoch_last,
                         .links_avoided = {}};
  if (const auto model = state.models.find(content); model != state.models.end()) {
    out.model.emplace();
    out.model->model = model->second.served.model;
    out.model->content = content;
    out.plan = model->second.plan;
    out.no_plan_reason = model->second.no_plan_reason;
    out.unfit = model->second.unfit;
  }
  const auto add = [&](wire::NodeId id) {
    const auto node = state.nodes.find(id);
    if (node == state.nodes.end() || out.nodes.contains(id)) return;
    wire::NodeRecord& record = out.nodes[id];
    record.facts.info.self = node->second.facts.info.self;
    record.facts.incarnation = node->second.facts.incarnation;
    record.online = node->second.online;
  };
  add(local.self);
  if (out.plan) {
    for (const wire::PlannedStage& stage : out.plan->made.plan.stages) add(stage.device.node);
  }
  if (local.plan) {
    for (const wire::PlannedStage& stage : local.plan->stages) add(stage.device.node);
  }
  return out;
}

}  // namespace exogpu::worker
