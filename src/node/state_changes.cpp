#include "node/state_changes.h"

#include <format>
#include <utility>

#include "cluster/names.h"

namespace exogpu::node {

using cluster::name_of;

template <typename... Args>
void StateChanges::report(log::Level level, std::format_string<Args...> text, Args&&... args) {
  changes_.push_back({level, std::format(text, std::forward<Args>(args)...)});
}

std::vector<StateChange> StateChanges::observe(const wire::ReplicatedState& state) {
  observe_nodes(state);
  observe_models(state);
  observe_links(state);
  return std::exchange(changes_, {});
}

void StateChanges::observe_nodes(const wire::ReplicatedState& state) {
  using enum log::Level;
  for (const auto& [id, node] : state.nodes) {
    const std::string name = name_of(state.nodes, id);
    const std::string& own_name = node.facts.info.self.name;
    if (std::exchange(online_[id], node.online) != node.online && id != self_) {
      if (!node.online) {
        report(warning, "node {} is offline: {}", name, node.offline_reason);
      } else if (name == own_name) {
        report(info, "node {} is online", name);
      } else {
        report(info, "node {} is online; another node is named {}, too, so it is called so", name, own_name);
      }
    }
    if (node.draining == draining_.contains(id)) continue;
    if (node.draining) {
      draining_.insert(id);
      report(info, "node {} is drained: plans no longer use it", name);
    } else {
      draining_.erase(id);
      report(info, "node {} is no longer drained: plans use it again", name);
    }
  }
}

void StateChanges::observe_models(const wire::ReplicatedState& state) {
  for (const auto& [content, model] : state.models) {
    Model& known = models_.try_emplace(content, Model{.name = model.served.model}).first->second;
    known.name = model.served.model;
    observe_plan(state, model);
    if (model.plan) observe_stages(state, *model.plan);
  }
  std::erase_if(models_, [&](const auto& each) {
    if (state.models.contains(each.first)) return false;
    report(log::Level::info, "{} is no longer served", each.second.name);
    return true;
  });
}

void StateChanges::observe_plan(const wire::ReplicatedState& state, const wire::ModelRecord& model) {
  Model& known = models_.at(model.served.content);
  const auto epoch = model.plan ? std::optional(model.plan->made.plan.epoch) : std::nullopt;
  const bool same_reason = std::exchange(known.no_plan_reason, model.no_plan_reason) == model.no_plan_reason;
  if (std::exchange(known.plan, epoch) == epoch && (epoch || same_reason)) return;
  known.phases.clear();
  if (!epoch) return report(log::Level::info, "there is no plan for {}: {}", known.name, model.no_plan_reason);
  std::string stages;
  for (const wire::PlannedStage& stage : model.plan->made.plan.stages) {
    stages += std::format("{}{} layers {}-{}", stages.empty() ? "" : ", ", name_of(state.nodes, stage.device),
                          stage.layers.begin, stage.layers.end - 1);
  }
  report(log::Level::info, "plan {} of {}: {}", epoch->value(), known.name, stages);
  for (const wire::UnusedDevice& unused : model.plan->made.unused) {
    report(log::Level::info, "plan {} does not use {}: {}", epoch->value(), name_of(state.nodes, unused.device),
           unused.reason);
  }
}

void StateChanges::observe_stages(const wire::ReplicatedState& state, const wire::PlanRecord& plan) {
  Model& known = models_.at(plan.made.plan.content);
  known.phases.resize(plan.stages.size(), wire::StagePhase::waiting);
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    if (std::exchange(known.phases[i], plan.stages[i].phase) == plan.stages[i].phase) continue;
    const std::string device = name_of(state.nodes, plan.made.plan.stages[i].device);
    if (plan.stages[i].phase == wire::StagePhase::failed) {
      report(log::Level::error, "{} failed at its part of {}: {}", device, known.name, plan.stages[i].failure);
    } else {
      report(log::Level::info, "{}, {}: {}", device, known.name, to_string(plan.stages[i].phase));
    }
  }
}

void StateChanges::observe_links(const wire::ReplicatedState& state) {
  const auto before = std::exchange(links_avoided_, state.links_avoided);
  for (const auto& link : links_avoided_) {
    if (before.contains(link)) continue;
    report(log::Level::warning, "plans avoid the link between {} and {}, which broke again",
           name_of(state.nodes, link.first), name_of(state.nodes, link.second));
  }
  for (const auto& link : before) {
    if (links_avoided_.contains(link)) continue;
    report(log::Level::info, "plans use the link between {} and {} again", name_of(state.nodes, link.first),
           name_of(state.nodes, link.second));
  }
}

}  // namespace exogpu::node
