#include "node/plan_preview.h"

#include <algorithm>
#include <utility>

#include "cluster/model_view.h"
#include "cluster/names.h"
#include "cluster/plan_input.h"
#include "cluster/plan_search.h"
#include "placement/by_name.h"
#include "placement/placement.h"

namespace exogpu::node {
namespace {

void apply(wire::ServedModel& model, const PreviewRequest& request) {
  wire::ServingSettings& settings = model.settings;
  settings.context = request.context.value_or(settings.context);
  settings.sequences = request.sequences.value_or(settings.sequences);
  if (settings.pool_tokens > 0) settings.pool_tokens = std::max(settings.pool_tokens, settings.context);
  if (request.context || request.sequences) model.context_most = 0;
  settings.objective = request.objective.value_or(settings.objective);
  model.layers = request.layers.value_or(model.layers);
  model.without = request.without.value_or(model.without);
  model.devices_min = request.devices_min.value_or(model.devices_min);
}

PreviewPlan preview_of(const wire::ReplicatedState& state, const wire::Plan& plan) {
  PreviewPlan out{.stages = {}, .predicted = plan.predicted};
  for (const wire::Stage& stage : plan.stages) {
    out.stages.push_back({.node = cluster::name_of(state.nodes, stage.device.node),
                          .device = stage.device.device,
                          .layers = stage.layers,
                          .memory = stage.memory,
                          .decode_s = stage.decode_s,
                          .hop_s = stage.hop_s});
  }
  return out;
}

// A name that means no device must not go unnoticed: the prediction would be that of another question.
Result<void> check_without(const cluster::ModelView& view, const std::vector<std::string>& without) {
  const wire::ClusterView devices = cluster::view_of(view, cluster::usable_nodes(view));
  for (const std::string& name : without) {
    const auto found = placement::find_device(devices, name);
    if (!found && found.error().code != ErrorCode::not_found) return std::unexpected(found.error());
  }
  return {};
}

struct Searched {
  placement::PlacementResult found;
  wire::ServingSettings settings{};  // with as long a context as the plan has room for
  std::vector<std::string> makes_room{};
};

Result<Searched> search(const wire::ReplicatedState& state, const wire::ServedModel& model,
                        cluster::PredictedText text) {
  const auto longest = [&model](const cluster::ModelView& view, placement::PlacementResult found) {
    Searched searched{.found = std::move(found)};
    searched.settings = cluster::with_longer_context(view, model.settings, searched.found.plan);
    return searched;
  };
  cluster::ModelView view = cluster::model_view(state, model.content);
  view.model = model;
  EXO_CHECK(check_without(view, model.without));
  auto found = cluster::search_plan(view, text);
  if (found) return longest(view, *std::move(found));
  wire::ReplicatedState emptied = state;
  std::vector<std::string> makes_room;
  for (const auto& [content, record] : state.models) {
    if (content == model.content || record.served.pinned || !record.plan) continue;
    makes_room.push_back(record.served.model);
    emptied.models.erase(content);
  }
  if (makes_room.empty()) return std::unexpected(found.error());
  view = cluster::model_view(emptied, model.content);
  view.model = model;
  EXO_TRY(placement::PlacementResult with_room, cluster::search_plan(view, text));
  Searched searched = longest(view, std::move(with_room));
  searched.makes_room = std::move(makes_room);
  return searched;
}

}  // namespace

Result<PlanPreview> preview_plan(const wire::ReplicatedState& state, wire::ServedModel model,
                                 const PreviewRequest& request) {
  apply(model, request);
  const cluster::PredictedText text{.prompt = request.prompt_tokens.value_or(0),
                                    .context_mean = request.context_tokens.value_or(0)};
  EXO_TRY(Searched searched, search(state, model, text));
  const placement::PlacementResult& result = searched.found;
  PlanPreview preview{.model = model.model,
                      .layers = static_cast<uint32_t>(model.shape.layers.size()),
                      .settings = searched.settings,
                      .proven = result.proven,
                      .plan = preview_of(state, result.plan),
                      .alternatives = {},
                      .unused = {},
                      .makes_room = std::move(searched.makes_room)};
  for (const placement::Alternative& other : result.alternatives) {
    preview.alternatives.push_back({.name = other.name,
                                    .plan = other.plan ? std::optional(preview_of(state, *other.plan)) : std::nullopt,
                                    .reason = other.reason});
  }
  for (const placement::UnusedDevice& unused : result.unused) {
    preview.unused.push_back({.node = cluster::name_of(state.nodes, unused.device.node),
                              .device = unused.device.device,
                              .constraint = std::string(unused.constraint),
                              .reason = unused.reason});
  }
  return preview;
}

}  // namespace exogpu::node
