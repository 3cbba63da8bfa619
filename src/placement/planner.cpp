#include "placement/planner.h"

#include <algorithm>
#include <utility>

#include "placement/change.h"
#include "placement/constraints.h"
#include "placement/placement.h"

namespace exogpu::placement {
namespace {

constexpr size_t kManyDevices = 100;  // with more devices, fewer numbers of groups are tried
constexpr uint32_t kGroupsOfMany = 8;
constexpr int kImprovementsMax = 8;

std::vector<RingProblem> problems_of(const CostModel& model) {
  std::vector<RingProblem> problems;
  switch (model.request().serving.objective) {
    case wire::Objective::latency: problems.push_back(RingProblem::decode_alone(model)); break;
    case wire::Objective::first_token: problems.push_back(RingProblem::first_token(model)); break;
    case wire::Objective::throughput:
      for (uint32_t groups : group_counts(model.request().serving.sequences)) {
        if (model.devices() > kManyDevices && groups > kGroupsOfMany) break;
        problems.push_back(RingProblem::decode_groups(model, groups));
      }
      break;
  }
  return problems;
}

}  // namespace

Planner::Planner(const CostModel& cost_model) : model(cost_model), problems(problems_of(cost_model)) {
  for (size_t d = 0; d < model.devices(); ++d) {
    if (breach_of(model, d)) {
      for (RingProblem& problem : problems) problem.forbid(d);
    } else {
      usable.push_back(d);
    }
  }
}

std::string Planner::name(size_t device) const { return label(model.view(), model.view().devices[device].id); }

size_t Planner::ring_size_max() const {
  size_t count = 0;
  for (size_t i = 0; i < usable.size(); ++i) {
    const bool first = std::none_of(usable.begin(), usable.begin() + static_cast<ptrdiff_t>(i),
                                    [&](size_t d) { return model.share_memory(d, usable[i]); });
    count += first ? 1 : 0;
  }
  return count;
}

Found Planner::search(const SearchLimits& limits) const {
  Found best;
  const bool exactly = usable.size() <= kExactDevices;
  for (const RingProblem& problem : problems) {
    Found found = search_beam(problem, limits);
    if (found.value_s < best.value_s) best = std::move(found);
  }
  bool proven = exactly;
  for (const RingProblem& problem : problems) {
    if (!exactly) break;
    best = search_exactly(problem, limits, best);
    proven = proven && best.proven;
  }
  best.proven = proven;
  return best;
}

void Planner::improve(Ring& ring) const {
  for (int i = 0; i < kImprovementsMax; ++i) {
    Changed best = {.ring = {}, .value_s = least_s(problems, ring) * (1 - 1e-9)};
    for (size_t d : usable) {
      if (std::ranges::contains(ring, d, &Piece::device)) continue;
      Changed changed = with_device(problems, ring, d, Change::any, false);
      if (changed.value_s < best.value_s) best = std::move(changed);
    }
    if (best.ring.empty()) return;
    ring = std::move(best.ring);
  }
}

}  // namespace exogpu::placement
