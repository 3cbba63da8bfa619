#include "cluster/make_room.h"

#include <algorithm>

#include "cluster/model_view.h"
#include "cluster/plan_for.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

bool fits_without(ReplicatedState state, const std::string& content, std::span<const std::string> removed) {
  for (const std::string& each : removed) state.models.erase(each);
  return impossible_reason(model_view(state, content)).empty();
}

}  // namespace

std::vector<std::string> models_in_the_way(const ReplicatedState& state, const std::string& content,
                                           std::span<const std::string> removable) {
  if (removable.empty() || !fits_without(state, content, removable)) return {};
  // What fits without the first n fits without more.
  size_t least = 0, enough = removable.size();
  while (least < enough) {
    const size_t middle = least + (enough - least) / 2;
    if (fits_without(state, content, removable.first(middle))) {
      enough = middle;
    } else {
      least = middle + 1;
    }
  }
  std::vector<std::string> removed(removable.begin(), removable.begin() + static_cast<ptrdiff_t>(enough));
  for (size_t i = removed.size(); i-- > 0 && removed.size() > 1;) {
    std::vector<std::string> fewer = removed;
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
    if (fits_without(state, content, fewer)) removed = std::move(fewer);
  }
  return removed;
}

ReplicatedState beside_pinned(const ReplicatedState& state, const ServedModel& model) {
  ReplicatedState others = state;
  std::erase_if(others.models, [](const auto& each) { return !each.second.served.pinned; });
  const auto known = state.models.find(model.content);
  UnfitDevices unfit = known == state.models.end() ? UnfitDevices() : known->second.unfit;
  others.models[model.content] = {.served = model, .plan = {}, .no_plan_reason = {}, .unfit = std::move(unfit)};
  return others;
}

std::string too_large_reason(const ReplicatedState& state, const ServedModel& model) {
  return impossible_reason(model_view(beside_pinned(state, model), model.content));
}

}  // namespace exogpu::cluster
