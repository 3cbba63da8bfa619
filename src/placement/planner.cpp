#include "placement/planner.h"

#include <algorithm>
#include <utility>

#include "placement/change.h"
#include "placement/placement.h"

namespace exogpu::placement {
namespace {

constexpr size_t kManyDevices = 48;    // with more devices, less is tried
constexpr size_t kProblemsOfMany = 3;  // numbers of groups for which rings are searched
constexpr int kImprovementsMax = 8;
constexpr size_t kImproversMax = 16;   // devices, the fastest ones that are unused
constexpr size_t kChangesMax = 1'500;  // that are tried, times the stages of the ring

std::vector<RingProblem> problems_of(const CostModel& model) {
  std::vector<RingProblem> problems;
  switch (model.request().serving.objective) {
    case wire::Objective::latency:
    case wire::Objective::efficiency: problems.push_back(RingProblem::decode_alone(model)); break;
    case wire::Objective::first_token:
      for (uint32_t chunk : chunk_sizes(model.request())) problems.push_back(RingProblem::first_token(model, chunk));
      break;
    case wire::Objective::throughput:
      for (uint32_t groups : group_counts(model.request().serving.sequences)) {
        problems.push_back(RingProblem::decode_groups(model, groups));
      }
      break;
  }
  return problems;
}

}  // namespace

Planner::Planner(const CostModel& cost_model)
    : model(cost_model), constraints(constraints_of(cost_model)), problems(problems_of(cost_model)) {
  for (size_t d = 0; d < model.devices(); ++d) {
    // What is assigned by hand is compared with plans of all devices.
    if (const auto found = breach(d); found && found->constraint != kByHand) {
      for (RingProblem& problem : problems) problem.forbid(d);
    } else {
      usable.push_back(d);
    }
  }
}

std::optional<Breach> Planner::breach_beside(size_t device, size_t other) const {
  for (const Constraint& constraint : constraints) {
    if (!constraint.beside || !constraint.holds(model.given_up())) continue;
    if (auto reason = constraint.beside(device, other)) return Breach{constraint.name, *std::move(reason)};
  }
  return {};
}

bool Planner::possible() const {
  if (usable.empty()) return false;
  const Found any = search_constraints(problems.front());
  if (any.ring || any.proven) return any.ring.has_value();
  // A missing link may have hidden it, or it needs more tries.
  if (usable.size() <= kExactDevices) return search_exactly(problems.front()).ring.has_value();
  return search_beam(problems.front()).ring.has_value();
}

Found Planner::greedy() const {
  Found found = search_constraints(problems.front());
  found.proven = false;
  if (found.ring) improve(*found.ring);
  return found;
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
  // The rings that are good for some number of groups are much the same for others near it.
  const size_t step = exactly ? 1 : std::max<size_t>(1, (problems.size() - 1) / (kProblemsOfMany - 1));
  for (size_t i = 0; i < problems.size(); i += step) {
    Found found = search_beam(problems[i], limits);
    if (!found.ring) continue;
    found.value_s = least_s(problems, *found.ring);
    if (found.value_s < best.value_s) best = std::move(found);
  }
  bool proven = exactly;
  SearchLimits of_each = limits;
  of_each.labels_max = limits.labels_max / problems.size();
  for (const RingProblem& problem : problems) {
    if (!exactly) break;
    best = search_exactly(problem, of_each, best);
    proven = proven && best.proven;
  }
  best.proven = proven;
  return best;
}

std::span<const RingProblem> Planner::problems_of_changes(const Ring& ring) const {
  if (model.devices() <= kManyDevices) return problems;
  const auto fastest = std::ranges::min_element(problems, {}, [&](const RingProblem& p) { return p.value_s(ring); });
  return {&*fastest, 1};
}

void Planner::improve(Ring& ring) const {
  std::vector<size_t> fastest = usable;
  std::ranges::stable_sort(fastest, {}, [&](size_t d) { return problems.front().layers_s(d, {0, model.layers()}); });
  size_t left = kChangesMax / ring.size();
  for (int i = 0; i < kImprovementsMax && left > 0; ++i) {
    const auto judges = problems_of_changes(ring);
    Changed best = {.ring = {}, .value_s = least_s(judges, ring) * (1 - 1e-9)};
    size_t tried = 0;
    for (size_t d : fastest) {
      if (std::ranges::contains(ring, d, &Piece::device)) continue;
      if (++tried > kImproversMax || left == 0) break;
      --left;
      Changed changed = with_device(judges, ring, d, Change::any, false);
      if (changed.value_s < best.value_s) best = std::move(changed);
    }
    if (best.ring.empty()) return;
    ring = std::move(best.ring);
  }
}

}  // namespace exogpu::placement
