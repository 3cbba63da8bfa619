#include "cluster/fold.h"

#include <algorithm>
#include <format>

namespace exogpu::cluster {
namespace {

using namespace wire;

struct Fold {
  ReplicatedState& state;

  void operator()(const TermBegan&) const {}

  void operator()(const NodeReported& event) const {
    NodeRecord& node = state.nodes[event.facts.info.self.node];
    // A restarted node has no resident shards, and the cause of a failed load may be gone.
    if (node.facts.incarnation != event.facts.incarnation) {
      node.unfit.clear();
      node.condition = {};
      if (planned(event.facts.info.self.node)) {
        state.plan.reset();
        state.no_plan_reason = std::format("node {} was restarted", event.facts.info.self.name);
      }
    }
    node.facts = event.facts;
    node.online = true;
    node.offline_reason.clear();
  }

  void operator()(const NodeLost& event) const {
    const auto node = state.nodes.find(event.node);
    if (node == state.nodes.end()) return;
    node->second.online = false;
    node->second.offline_reason = event.reason;
  }

  void operator()(const NodeForgotten& event) const {
    const auto node = state.nodes.find(event.node);
    if (node != state.nodes.end() && !node->second.online) state.nodes.erase(node);
  }

  void operator()(const DrainingSet& event) const {
    const auto node = state.nodes.find(event.node);
    if (node != state.nodes.end()) node->second.draining = event.draining;
  }

  void operator()(const ModelSet& event) const { state.model = event.model; }

  void operator()(const PlanMade& event) const {
    if (event.plan.epoch <= state.epoch_last || event.stage_bytes.size() != event.plan.stages.size()) return;
    state.epoch_last = event.plan.epoch;
    state.plan = PlanRecord{.made = event, .stages = std::vector<StageStatus>(event.plan.stages.size())};
    state.no_plan_reason.clear();
  }

  void operator()(const PlanEnded& event) const {
    if (state.plan && state.plan->made.plan.epoch != event.epoch) return;
    state.plan.reset();
    state.no_plan_reason = event.reason;
  }

  void operator()(const StageReported& event) const {
    if (!state.plan || state.plan->made.plan.epoch != event.epoch || event.stage >= state.plan->stages.size()) return;
    state.plan->stages[event.stage] = {.phase = event.phase, .failure = event.failure};
    if (event.phase != StagePhase::failed) return;
    const DeviceRef& device = state.plan->made.plan.stages[event.stage].device;
    const auto node = state.nodes.find(device.node);
    if (node != state.nodes.end()) node->second.unfit[device.device] = event.failure;
  }

  void operator()(const LinkUse& event) const {
    if (event.avoided) {
      if (state.links_avoided.size() < kLinksMax) state.links_avoided.insert(event.link);
    } else {
      state.links_avoided.erase(event.link);
    }
  }

  void operator()(const ConditionReported& event) const {
    const auto node = state.nodes.find(event.node);
    if (node != state.nodes.end()) node->second.condition = event.condition;
  }

  bool planned(NodeId node) const {
    return state.plan && std::ranges::any_of(state.plan->made.plan.stages,
                                             [&](const PlannedStage& stage) { return stage.device.node == node; });
  }
};

struct Changes {
  const ReplicatedState& state;

  const NodeRecord* find(NodeId node) const {
    const auto found = state.nodes.find(node);
    return found == state.nodes.end() ? nullptr : &found->second;
  }
  bool operator()(const TermBegan&) const { return false; }
  bool operator()(const NodeReported& event) const {
    const NodeRecord* node = find(event.facts.info.self.node);
    return !node || !node->online || node->facts != event.facts;
  }
  bool operator()(const NodeLost& event) const {
    const NodeRecord* node = find(event.node);
    return node && node->online;
  }
  bool operator()(const NodeForgotten& event) const {
    const NodeRecord* node = find(event.node);
    return node && !node->online;
  }
  bool operator()(const DrainingSet& event) const {
    const NodeRecord* node = find(event.node);
    return node && node->draining != event.draining;
  }
  bool operator()(const ModelSet& event) const { return state.model != event.model; }
  bool operator()(const PlanMade& event) const { return event.plan.epoch > state.epoch_last; }
  bool operator()(const PlanEnded& event) const {
    if (state.plan) return state.plan->made.plan.epoch == event.epoch;
    return state.no_plan_reason != event.reason;
  }
  bool operator()(const StageReported& event) const {
    return state.plan && state.plan->made.plan.epoch == event.epoch && event.stage < state.plan->stages.size() &&
           state.plan->stages[event.stage] != StageStatus{.phase = event.phase, .failure = event.failure};
  }
  bool operator()(const LinkUse& event) const { return state.links_avoided.contains(event.link) != event.avoided; }
  bool operator()(const ConditionReported& event) const {
    const NodeRecord* node = find(event.node);
    return node && node->condition != event.condition;
  }
};

}  // namespace

void apply(ReplicatedState& state, const Entry& entry) {
  std::visit(Fold{state}, entry.event);
  state.at = {.term = entry.term, .index = state.at.index + 1};
}

bool changes(const ReplicatedState& state, const Event& event) { return std::visit(Changes{state}, event); }

bool serving(const ReplicatedState& state) {
  return state.plan && std::ranges::all_of(state.plan->stages,
                                           [](const StageStatus& stage) { return stage.phase == StagePhase::ready; });
}

}  // namespace exogpu::cluster
