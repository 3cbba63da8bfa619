#include "cluster/fold.h"

#include <algorithm>
#include <format>

namespace exogpu::cluster {
namespace {

using namespace wire;

bool has_plan(const ModelRecord& model, PlanEpoch epoch) { return model.plan && model.plan->made.plan.epoch == epoch; }

bool accepts(const ReplicatedState& state, const AccessKey& key) {
  const auto known = state.access_keys.find(key.id);
  if (known == state.access_keys.end()) return state.access_keys.size() < kAccessKeysMax;
  return supersedes(key, known->second);
}

struct Fold {
  ReplicatedState& state;

  void operator()(const TermBegan&) const {}

  void operator()(const NodeReported& event) const {
    NodeRecord& node = state.nodes[event.facts.info.self.node];
    // A restarted node has no resident shards, and the cause of a failed load may be gone.
    if (node.facts.incarnation != event.facts.incarnation) {
      node.condition = {};
      node.library.clear();
      for (auto& [content, model] : state.models) restarted(model, event.facts.info.self);
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

  void operator()(const ModelSet& event) const {
    const std::string& content = event.model.content;
    if (state.models.size() == kModelsMax && !state.models.contains(content)) return;
    ModelRecord& model = state.models[content];
    if (model.plan && model.served.layers != event.model.layers) {
      model.plan.reset();
      model.no_plan_reason = "the model is to be served otherwise";
    }
    model.served = event.model;
  }

  void operator()(const ModelRemoved& event) const { state.models.erase(event.content); }

  void operator()(const PlanMade& event) const {
    if (event.plan.epoch <= state.epoch_last || event.stage_bytes.size() != event.plan.stages.size()) return;
    const auto model = state.models.find(event.plan.content);
    if (model == state.models.end()) return;
    state.epoch_last = event.plan.epoch;
    model->second.plan = PlanRecord{.made = event, .stages = std::vector<StageStatus>(event.plan.stages.size())};
    model->second.no_plan_reason.clear();
  }

  void operator()(const PlanEnded& event) const {
    const auto model = state.models.find(event.content);
    if (model == state.models.end()) return;
    if (model->second.plan && model->second.plan->made.plan.epoch != event.epoch) return;
    model->second.plan.reset();
    model->second.no_plan_reason = event.reason;
  }

  void operator()(const StageReported& event) const {
    const auto found =
        std::ranges::find_if(state.models, [&](const auto& each) { return has_plan(each.second, event.epoch); });
    if (found == state.models.end()) return;
    ModelRecord& model = found->second;
    if (event.stage >= model.plan->stages.size()) return;
    model.plan->stages[event.stage] = {.phase = event.phase, .failure = event.failure};
    const DeviceRef& device = model.plan->made.plan.stages[event.stage].device;
    if (event.phase == StagePhase::failed && model.unfit.size() < kUnfitMax) model.unfit[device] = event.failure;
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

  void operator()(const LibraryReported& event) const {
    const auto node = state.nodes.find(event.node);
    if (node != state.nodes.end()) node->second.library = event.models;
  }

  void operator()(const AccessKeySet& event) const {
    if (accepts(state, event.key)) state.access_keys.insert_or_assign(event.key.id, event.key);
  }

  static void restarted(ModelRecord& model, const Member& node) {
    std::erase_if(model.unfit, [&](const auto& each) { return each.first.node == node.node; });
    if (!model.plan || std::ranges::none_of(model.plan->made.plan.stages, [&](const PlannedStage& stage) {
          return stage.device.node == node.node;
        })) {
      return;
    }
    model.plan.reset();
    model.no_plan_reason = std::format("node {} was restarted", node.name);
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
  bool operator()(const ModelSet& event) const {
    const bool name_taken = std::ranges::any_of(state.models, [&](const auto& entry) {
      return entry.first != event.model.content && entry.second.served.model == event.model.model;
    });
    if (name_taken) return false;  // requests could not tell them apart
    const auto model = state.models.find(event.model.content);
    return model == state.models.end() ? state.models.size() < kModelsMax : model->second.served != event.model;
  }
  bool operator()(const ModelRemoved& event) const { return state.models.contains(event.content); }
  bool operator()(const PlanMade& event) const {
    return event.plan.epoch > state.epoch_last && state.models.contains(event.plan.content);
  }
  bool operator()(const PlanEnded& event) const {
    const auto model = state.models.find(event.content);
    if (model == state.models.end()) return false;
    if (model->second.plan) return has_plan(model->second, event.epoch);
    return model->second.no_plan_reason != event.reason;
  }
  bool operator()(const StageReported& event) const {
    const ModelRecord* model = planned_in(state, event.epoch);
    return model != nullptr && event.stage < model->plan->stages.size() &&
           model->plan->stages[event.stage] != StageStatus{.phase = event.phase, .failure = event.failure};
  }
  bool operator()(const LinkUse& event) const { return state.links_avoided.contains(event.link) != event.avoided; }
  bool operator()(const ConditionReported& event) const {
    const NodeRecord* node = find(event.node);
    return node && node->condition != event.condition;
  }
  bool operator()(const LibraryReported& event) const {
    const NodeRecord* node = find(event.node);
    return node && node->library != event.models;
  }
  bool operator()(const AccessKeySet& event) const { return accepts(state, event.key); }
};

}  // namespace

void apply(ReplicatedState& state, const Entry& entry) {
  std::visit(Fold{state}, entry.event);
  state.at = {.term = entry.term, .index = state.at.index + 1};
}

bool changes(const ReplicatedState& state, const Event& event) { return std::visit(Changes{state}, event); }

namespace {

bool all_ready(const std::optional<PlanRecord>& plan) {
  return plan &&
         std::ranges::all_of(plan->stages, [](const StageStatus& stage) { return stage.phase == StagePhase::ready; });
}

}  // namespace

bool serving(const ModelRecord& model) { return all_ready(model.plan); }
bool serving(const ModelView& view) { return all_ready(view.plan); }

std::string missing_weights(const ModelRecord& model) {
  if (!model.plan) return {};
  const auto missing = std::ranges::find_if(model.plan->stages, [](const StageStatus& stage) {
    return stage.phase == StagePhase::fetching && !stage.failure.empty();
  });
  return missing == model.plan->stages.end() ? std::string() : missing->failure;
}

bool serving(const ReplicatedState& state) {
  return std::ranges::any_of(state.models, [](const auto& each) { return serving(each.second); });
}

const ModelRecord* planned_in(const ReplicatedState& state, PlanEpoch epoch) {
  const auto found = std::ranges::find_if(state.models, [&](const auto& each) { return has_plan(each.second, epoch); });
  return found == state.models.end() ? nullptr : &found->second;
}

}  // namespace exogpu::cluster
