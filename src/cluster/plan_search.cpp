#include "cluster/plan_search.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cluster/plan_input.h"
#include "placement/longer_context.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

// The gain in speed that justifies moving resident stages while requests wait for lost layers. Below it answers
// continue at least two thirds as fast, and a better plan follows when the cluster is idle.
constexpr double kReplaceNowGain = 1.5;

// The planner is asked for so many nodes, the most useful ones, and for more only when these cannot hold the model
// without violating something. A ring of more stages would be slower than one of the fastest nodes, and a cluster has a
// link between any two nodes.
constexpr size_t kNodesAtFirst = 64;

// Of a plan whose layers stream, in the memory that it has, where its device may have more now.
PredictedSpeed speed_streaming_now(const ModelView& state) {
  const PlanMade& made = state.plan->made;
  const PlannedStage& stage = made.plan.stages.front();
  ClusterView view = view_of(state, {stage.device.node});
  std::erase_if(view.devices, [&](const DeviceProfile& device) { return device.id != stage.device; });
  if (view.devices.empty()) return made.predicted;
  view.devices.front().memory_free = std::min(view.devices.front().memory_free, made.stage_bytes.front());
  placement::PlacementRequest request = request_of(*state.model);
  request.streams = true;
  const auto answer = placement::assign_layers(view, state.model->shape, request);
  return answer ? answer->plan.predicted : made.predicted;
}

}  // namespace

Result<placement::PlacementResult> search_plan(const ModelView& state, PredictedText text) {
  return search_plan(state, state.model->settings, text);
}

Result<placement::PlacementResult> search_plan(const ModelView& state, const ServingSettings& settings,
                                               PredictedText text) {
  const std::vector<NodeId> nodes = usable_nodes(state);
  size_t count = state.model->layers.empty() ? kNodesAtFirst : nodes.size();
  while (true) {
    count = std::min(count, nodes.size());
    const ClusterView view = view_of(state, std::vector(nodes.begin(), nodes.begin() + static_cast<ptrdiff_t>(count)));
    EXO_TRY(placement::PlacementRequest request, request_of(state, view));
    request.serving = settings;
    request.prompt = text.prompt;
    request.context_mean = text.context_mean;
    // Other models make room before this one streams.
    request.streams = state.alone && count == nodes.size();
    auto answer = placement::assign_layers(view, state.model->shape, request);
    if (count == nodes.size() || (answer && answer->given_up.empty())) return answer;
    count *= 4;
  }
}

ServingSettings with_longer_context(const ModelView& state, const ServingSettings& settings, Plan& plan) {
  if (state.model->context_most == 0) return settings;
  std::set<NodeId> nodes;
  for (const Stage& stage : plan.stages) nodes.insert(stage.device.node);
  const ClusterView view = view_of(state, {nodes.begin(), nodes.end()});
  placement::PlacementRequest request = request_of(*state.model);
  request.serving = settings;
  request.memory_spared = state.memory_spared;
  return placement::with_longer_context(view, state.model->shape, request, state.model->context_most, plan);
}

PredictedSpeed speed_now(const ModelView& state) {
  const PlanMade& made = state.plan->made;
  if (made.plan.stages.front().weight_budget > 0) return speed_streaming_now(state);
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
    case Objective::efficiency:
      return speed.joules_per_token > 0 ? 1 / speed.joules_per_token : speed.tokens_per_s_alone;
  }
  return 0;
}

bool same_model(const ServedModel& model, const StagePlan& plan) {
  ServingSettings settings = model.settings;
  if (!settings.batch_fixed) settings.batch_tokens = plan.settings.batch_tokens;
  if (model.context_most > 0) {
    settings.context = plan.settings.context;
    settings.pool_tokens = plan.settings.pool_tokens;
  }
  return model.model == plan.model && model.content == plan.content && settings == plan.settings;
}

std::optional<placement::PlacementResult> plan_with_resident_parts(const ModelView& state, const PlanMade& before,
                                                                   const placement::PlacementResult& best) {
  const ServedModel& model = *state.model;
  if (!model.layers.empty() || !same_model(model, before.plan)) return std::nullopt;
  if (std::ranges::any_of(before.plan.stages, [](const auto& stage) { return stage.weight_budget > 0; }))
    return std::nullopt;
  std::vector<NodeId> nodes = usable_nodes(state);
  const std::set<NodeId> usable(nodes.begin(), nodes.end());
  nodes.resize(std::min(nodes.size(), kNodesAtFirst));
  std::vector<placement::AssignedLayers> parts;
  for (size_t i = 0; i < before.plan.stages.size(); ++i) {
    const PlannedStage& stage = before.plan.stages[i];
    const DeviceProfile* device = find_device(state.nodes, stage.device);
    if (!device || !usable.contains(stage.device.node)) continue;
    if (memory_left(state, *device, best.given_up) < before.stage_bytes[i]) continue;
    parts.push_back({.device = stage.device, .layers = stage.layers});
    if (!std::ranges::contains(nodes, stage.device.node)) nodes.push_back(stage.device.node);
  }
  if (parts.empty()) return std::nullopt;
  const ClusterView view = view_of(state, std::move(nodes));
  auto request = request_of(state, view);
  if (!request) return std::nullopt;
  request->serving.context = before.plan.settings.context;
  request->serving.pool_tokens = before.plan.settings.pool_tokens;
  auto answer = placement::assign_missing_layers(
      view, model.shape, *request, parts, std::min<size_t>(model.devices_min, best.plan.stages.size()), best.given_up);
  if (!answer || kReplaceNowGain * speed_of(answer->plan.predicted, model.settings.objective) <
                     speed_of(best.plan.predicted, model.settings.objective)) {
    return std::nullopt;
  }
  return *std::move(answer);
}

}  // namespace exogpu::cluster
