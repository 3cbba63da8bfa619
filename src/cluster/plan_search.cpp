#include "cluster/plan_search.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cluster/condition.h"
#include "cluster/plan_input.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

// The gain in speed that justifies moving resident stages while requests wait for lost layers. Below it answers
// continue at least two thirds as fast, and a better plan follows when the cluster is idle.
constexpr double kReplaceNowGain = 1.5;

// The planner gets so many nodes at first, and more only when these cannot hold the model. A ring of more stages would
// be slower than one of the fastest nodes, and planning takes time with the square of the nodes.
constexpr size_t kNodesAtFirst = 48;

Result<placement::PlacementResult> search(const ModelView& state, const ClusterView& view, int avoidance_limit) {
  EXO_TRY(const placement::PlacementRequest request, request_of(state, view, avoidance_limit));
  return placement::assign_layers(view, state.model->shape, request);
}

// Plans with the most useful nodes, and with more as long as there is no plan.
Result<placement::PlacementResult> search(const ModelView& state, int avoidance_limit) {
  const std::vector<NodeId> nodes = usable_nodes(state, avoidance_limit);
  size_t count = state.model->layers.empty() ? kNodesAtFirst : nodes.size();
  while (true) {
    count = std::min(count, nodes.size());
    auto answer =
        search(state, view_of(state, std::vector(nodes.begin(), nodes.begin() + static_cast<ptrdiff_t>(count))),
               avoidance_limit);
    if (answer || count == nodes.size()) return answer;
    count *= 4;
  }
}

// Plans without avoided devices if the others can hold the model. Fixed layers ignore avoidance.
Result<FoundPlan> search_by_links(const ModelView& state) {
  const bool fixed_layers = !state.model->layers.empty();
  for (int avoidance_limit = fixed_layers ? kAvoidanceMax + 1 : 1;; ++avoidance_limit) {
    const auto any = [&](const auto& entry) {
      const auto& [id, node] = entry;
      return node.online && !node.draining && std::ranges::any_of(node.facts.info.devices, [&](const DeviceProfile& d) {
               return avoidance(node, d.id.device) == avoidance_limit;
             });
    };
    // Skips a limit that excludes the same devices as the next.
    if (avoidance_limit <= kAvoidanceMax && std::ranges::none_of(state.nodes, any)) continue;
    auto answer = search(state, avoidance_limit);
    if (answer) return FoundPlan{.result = *std::move(answer), .avoidance_limit = avoidance_limit};
    if (avoidance_limit > kAvoidanceMax) return std::unexpected(std::move(answer).error());
  }
}

Result<FoundPlan> search_with_links(const ModelView& state) {
  auto found = search_by_links(state);
  if (found || state.links_avoided.empty()) return found;
  ModelView with_all = state;
  with_all.links_avoided.clear();
  return search_by_links(with_all);
}

}  // namespace

// Layers that are assigned by hand do not depend on a shortage of memory.
Result<FoundPlan> search_plan(const ModelView& state) {
  if (state.memory_spared.empty()) return search_with_links(state);
  if (state.model->layers.empty()) {
    if (auto found = search_with_links(with_memory_spared(state))) return found;
  }
  auto found = search_with_links(state);
  if (found) found->spares_memory = false;
  return found;
}

PredictedSpeed speed_now(const ModelView& state) {
  const PlanMade& made = state.plan->made;
  placement::PlacementRequest request = request_of(*state.model);
  std::set<NodeId> nodes;
  for (const PlannedStage& stage : made.plan.stages) {
    nodes.insert(stage.device.node);
    request.fixed_layers.push_back({.device = stage.device, .layers = stage.layers});
  }
  const ClusterView view = view_of(state, {nodes.begin(), nodes.end()});
  const auto answer = placement::assign_layers(view, state.model->shape, request);
  return answer ? answer->plan.predicted : made.predicted;
}

double speed_of(const PredictedSpeed& speed, Objective objective) {
  switch (objective) {
    case Objective::latency: return speed.tokens_per_s_alone;
    case Objective::throughput: return speed.tokens_per_s_parallel;
    case Objective::first_token: return speed.first_token_s > 0 ? 1 / speed.first_token_s : 0;
  }
  return 0;
}

bool same_model(const ServedModel& model, const StagePlan& plan) {
  ServingSettings settings = model.settings;
  if (!settings.batch_fixed) settings.batch_tokens = plan.settings.batch_tokens;
  return model.model == plan.model && model.content == plan.content && settings == plan.settings;
}

std::optional<placement::PlacementResult> plan_with_resident_parts(const ModelView& state, const PlanMade& before,
                                                                   const FoundPlan& found) {
  const Plan& best = found.result.plan;
  const ServedModel& model = *state.model;
  if (!model.layers.empty() || !same_model(model, before.plan)) return std::nullopt;
  std::vector<NodeId> nodes = usable_nodes(state, found.avoidance_limit);
  const std::set<NodeId> usable(nodes.begin(), nodes.end());
  nodes.resize(std::min(nodes.size(), kNodesAtFirst));
  std::vector<placement::AssignedLayers> parts;
  for (size_t i = 0; i < before.plan.stages.size(); ++i) {
    const PlannedStage& stage = before.plan.stages[i];
    const DeviceProfile* device = find_device(state.nodes, stage.device);
    if (!device || !usable.contains(stage.device.node) || device->memory_free < before.stage_bytes[i]) continue;
    if (state.unfit.contains(stage.device)) continue;
    parts.push_back({.device = stage.device, .layers = stage.layers});
    if (!std::ranges::contains(nodes, stage.device.node)) nodes.push_back(stage.device.node);
  }
  const ClusterView view = view_of(state, std::move(nodes));
  const auto request = request_of(state, view, found.avoidance_limit);
  if (!request) return std::nullopt;
  std::erase_if(parts, [&](const auto& part) { return std::ranges::contains(request->excluded, part.device); });
  if (parts.empty()) return std::nullopt;
  const size_t devices_min = std::min<size_t>(model.devices_min, best.stages.size());
  auto answer = placement::assign_missing_layers(view, model.shape, *request, parts, devices_min);
  if (!answer || kReplaceNowGain * speed_of(answer->plan.predicted, model.settings.objective) <
                     speed_of(best.predicted, model.settings.objective)) {
    return std::nullopt;
  }
  return *std::move(answer);
}

}  // namespace exogpu::cluster
