#include "cluster/make_room.h"

#include <algorithm>

#include "cluster/model_view.h"
#include "cluster/plan_for.h"
#include "placement/longer_context.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

bool fits_beside(ReplicatedState state, const std::string& content, std::span<const Yielding> yielding) {
  for (const Yielding& each : yielding) {
    const auto model = state.models.find(each.content);
    if (model == state.models.end()) continue;
    if (each.removed) {
      state.models.erase(model);
    } else {
      model->second.plan->made = with_usual_context(model->second);
    }
  }
  return impossible_reason(model_view(state, content)).empty();
}

}  // namespace

bool has_longer_context(const ModelRecord& model) {
  return model.plan && model.plan->made.plan.settings.tokens_of_all() > model.served.settings.tokens_of_all();
}

PlanMade with_usual_context(const ModelRecord& model) {
  PlanMade made = model.plan->made;
  ServingSettings& settings = made.plan.settings;
  const Bytes fewer = settings.tokens_of_all() - model.served.settings.tokens_of_all();
  settings.context = model.served.settings.context;
  settings.pool_tokens = model.served.settings.pool_tokens;
  for (size_t i = 0; i < made.stage_bytes.size(); ++i) {
    const Bytes bytes = placement::context_bytes(model.served.shape, made.plan.stages[i].layers, fewer);
    made.stage_bytes[i] -= std::min(made.stage_bytes[i], bytes);
  }
  return made;
}

std::vector<Yielding> models_in_the_way(const ReplicatedState& state, const std::string& content,
                                        std::span<const Yielding> ready) {
  if (ready.empty() || !fits_beside(state, content, ready)) return {};
  // What fits when the first n make room fits when more do.
  size_t least = 0, enough = ready.size();
  while (least < enough) {
    const size_t middle = least + (enough - least) / 2;
    if (fits_beside(state, content, ready.first(middle))) {
      enough = middle;
    } else {
      least = middle + 1;
    }
  }
  std::vector<Yielding> yielding(ready.begin(), ready.begin() + static_cast<ptrdiff_t>(enough));
  for (size_t i = yielding.size(); i-- > 0 && yielding.size() > 1;) {
    std::vector<Yielding> fewer = yielding;
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
    if (fits_beside(state, content, fewer)) yielding = std::move(fewer);
  }
  return yielding;
}

ReplicatedState beside_pinned(const ReplicatedState& state, const ServedModel& model) {
  ReplicatedState others = state;
  std::erase_if(others.models, [](const auto& each) { return !each.second.served.pinned; });
  for (auto& [content, pinned] : others.models) {
    if (has_longer_context(pinned)) pinned.plan->made = with_usual_context(pinned);
  }
  const auto known = state.models.find(model.content);
  UnfitDevices unfit = known == state.models.end() ? UnfitDevices() : known->second.unfit;
  others.models[model.content] = {.served = model, .plan = {}, .no_plan_reason = {}, .unfit = std::move(unfit)};
  return others;
}

std::string too_large_reason(const ReplicatedState& state, const ServedModel& model) {
  return impossible_reason(model_view(beside_pinned(state, model), model.content));
}

}  // namespace exogpu::cluster
