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
  observe_plan(state);
  observe_stages(state);
  observe_links(state);
  return std::exchange(changes_, {});
}

void StateChanges::observe_nodes(const wire::ReplicatedState& state) {
  using enum log::Level;
  for (const auto& [id, node] : state.nodes) {
    const std::string name = name_of(state, id);
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

void StateChanges::observe_plan(const wire::ReplicatedState& state) {
  const auto epoch = state.plan ? std::optional(state.plan->made.plan.epoch) : std::nullopt;
  if (std::exchange(plan_, epoch) == epoch) return;
  phases_.clear();
  if (!epoch) return report(log::Level::info, "there is no plan: {}", state.no_plan_reason);
  std::string stages;
  for (const wire::PlannedStage& stage : state.plan->made.plan.stages) {
    stages += std::format("{}{} layers {}-{}", stages.empty() ? "" : ", ", name_of(state, stage.device),
                          stage.layers.begin, stage.layers.end - 1);
  }
  report(log::Level::info, "plan {} of {}: {}", epoch->value(), state.plan->made.plan.model, stages);
  for (const wire::UnusedDevice& unused : state.plan->made.unused) {
    report(log::Level::info, "plan {} does not use {}: {}", epoch->value(), name_of(state, unused.device),
           unused.reason);
  }
}

void StateChanges::observe_stages(const wire::ReplicatedState& state) {
  if (!state.plan) return;
  const auto& stages = state.plan->stages;
  phases_.resize(stages.size(), wire::StagePhase::waiting);
  for (size_t i = 0; i < stages.size(); ++i) {
    if (std::exchange(phases_[i], stages[i].phase) == stages[i].phase) continue;
    const std::string device = name_of(state, state.plan->made.plan.stages[i].device);
    if (stages[i].phase == wire::StagePhase::failed) {
      report(log::Level::error, "{} failed at its part of the model: {}", device, stages[i].failure);
    } else {
      report(log::Level::info, "{}: {}", device, to_string(stages[i].phase));
    }
  }
}

void StateChanges::observe_links(const wire::ReplicatedState& state) {
  const auto before = std::exchange(links_avoided_, state.links_avoided);
  for (const auto& link : links_avoided_) {
    if (before.contains(link)) continue;
    report(log::Level::warning, "plans avoid the link between {} and {}, which broke again", name_of(state, link.first),
           name_of(state, link.second));
  }
  for (const auto& link : before) {
    if (links_avoided_.contains(link)) continue;
    report(log::Level::info, "plans use the link between {} and {} again", name_of(state, link.first),
           name_of(state, link.second));
  }
}

}  // namespace exogpu::node
