#include "placement/levels.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "placement/planner.h"

namespace exogpu::placement {
namespace {

// Those that the question says anything about.
std::vector<Soft> softs_of(const PlacementRequest& request) {
  const auto ruled = [&](Rule rule) { return std::ranges::contains(request.rules, rule, &DeviceRule::rule); };
  std::vector<Soft> softs;
  if (ruled(Rule::power)) softs.push_back(Soft::power);
  if (ruled(Rule::battery)) softs.push_back(Soft::battery);
  if (ruled(Rule::heat)) softs.push_back(Soft::heat);
  if (!request.links_avoided.empty()) softs.push_back(Soft::link);
  if (!request.memory_spared.empty()) softs.push_back(Soft::memory);
  return softs;
}

}  // namespace

GivenUp least_given_up(const wire::ClusterView& view, const wire::ModelShape& shape, const PlacementRequest& request) {
  if (!request.fixed_layers.empty()) return GivenUp::all();
  const std::vector<Soft> softs = softs_of(request);
  const auto possible = [&](GivenUp given_up) {
    const CostModel model(view, shape, request, given_up);
    return Planner(model).possible();
  };
  GivenUp given_up;
  if (softs.empty() || possible(given_up)) return given_up;
  auto last = softs.begin();
  for (; last != softs.end(); ++last) {
    given_up = given_up.with(*last);
    if (possible(given_up)) break;
  }
  if (last == softs.end()) return GivenUp::all();
  // What is less important than the last one need not all be given up with it.
  for (const Soft soft : std::ranges::subrange(softs.begin(), last) | std::views::reverse) {
    if (possible(given_up.without(soft))) given_up = given_up.without(soft);
  }
  return given_up;
}

}  // namespace exogpu::placement
