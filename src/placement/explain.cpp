#include "placement/explain.h"

#include <algorithm>
#include <format>
#include <utility>

#include "placement/change.h"
#include "placement/preferences.h"

namespace exogpu::placement {
namespace {

constexpr size_t kThoroughDevices = 64;           // with more devices, changes of a ring are tried only at its cuts
constexpr size_t kAlternativeLabelsMax = 20'000;  // an alternative deserves less time than the plan
constexpr size_t kReasonsMax = 600;               // for which a ring is changed, times its stages, with so many devices

void add(const Planner& planner, PlacementResult& result, std::string what, const Found& found, std::string reason) {
  Alternative alternative = {.name = std::move(what), .plan = {}, .reason = {}};
  if (found.ring) {
    alternative.plan = plan_of(planner.model, *found.ring);
  } else {
    alternative.reason = std::move(reason);
  }
  result.alternatives.push_back(std::move(alternative));
}

void add_alternatives(const Planner& planner, PlacementResult& result) {
  Found single = search_single(planner.problems.front());
  add(planner, result, "best single device", single, "no device has room for the whole model");
  const size_t most = planner.ring_size_max();
  if (most < 2) return;
  const SearchLimits two = {.stages_min = 2, .stages_max = 2, .labels_max = kAlternativeLabelsMax};
  add(planner, result, "best two devices", planner.search(two),
      "no two devices have room for the model and a link both ways");
  if (most == 2 || most > kExactDevices || most > planner.model.layers()) return;
  const SearchLimits all = {.stages_min = most, .stages_max = most, .labels_max = kAlternativeLabelsMax};
  add(planner, result,
      most == planner.usable.size() ? std::format("all {} devices", most)
                                    : std::format("{} devices, the most at once", most),
      planner.search(all), "no ring of them was found");
}

std::optional<Breach> pair_breach(const Planner& planner, const Ring& ring, size_t device) {
  for (const Piece& piece : ring) {
    if (auto breach = planner.breach_beside(device, piece.device)) return breach;
  }
  return {};
}

// The names of the devices of `ring` that `changed` lacks.
std::string replaced(const Planner& planner, const Ring& ring, const Ring& changed) {
  std::string names;
  for (const Piece& piece : ring) {
    if (!std::ranges::contains(changed, piece.device, &Piece::device))
      names += (names.empty() ? "" : ", ") + planner.name(piece.device);
  }
  return names;
}

}  // namespace

UnusedDevice unused_reason(const Planner& planner, const Ring& ring, size_t device, bool with_speeds) {
  UnusedDevice unused = {.device = planner.model.view().devices[device].id, .constraint = {}, .reason = {}};
  std::optional<Breach> apart = planner.breach(device);
  if (apart && apart->constraint != kByHand) {
    unused.constraint = apart->constraint;
    unused.reason = std::move(apart->reason);
    return unused;
  }
  const auto problems = planner.problems_of_changes(ring);
  if (!with_speeds && !apart) {
    unused.constraint = "speed";
    unused.reason =
        "no plan with it was found that is faster; there are too many devices to compare the speed with each";
    return unused;
  }
  const double value_s = least_s(problems, ring);
  const bool thorough = planner.model.devices() <= kThoroughDevices;
  Changed changed = with_device(problems, ring, device, Change::join, thorough);
  const bool joins = changed.value_s < kNever;
  if (!joins) changed = with_device(problems, ring, device, Change::any, thorough);
  if (!apart && !joins) apart = pair_breach(planner, ring, device);
  if (apart) {
    unused.constraint = apart->constraint;
    unused.reason = apart->reason;
  }
  if (changed.value_s == kNever) {
    if (!apart) unused.constraint = "memory";
    if (!apart) unused.reason = "no cut between it and the devices of the plan leaves all of them enough memory";
    return unused;
  }
  const bool faster = changed.value_s < value_s * (1 - 1e-9);  // than fixed layers
  const bool slower = changed.value_s > value_s * (1 + 1e-9);
  const std::string speeds = std::format("{} {}: {}",
                                         faster   ? "faster"
                                         : slower ? "slower"
                                                  : "no faster",
                                         joins ? "with it" : "in the place of " + replaced(planner, ring, changed.ring),
                                         speeds_text(changed.value_s, value_s, planner.model.request()));
  if (!apart) unused.constraint = "speed";
  unused.reason = apart ? unused.reason + "; " + speeds : speeds;
  return unused;
}

void add_unused(const Planner& planner, PlacementResult& result, const Ring& ring) {
  size_t compared = 0;
  for (size_t d = 0; d < planner.model.devices(); ++d) {
    if (std::ranges::contains(ring, d, &Piece::device)) continue;
    const bool compare = planner.model.devices() <= kThoroughDevices || compared * ring.size() < kReasonsMax;
    result.unused.push_back(unused_reason(planner, ring, d, compare));
    compared += planner.breach(d) ? 0 : 1;
  }
}

PlacementResult describe(const Planner& planner, const Ring& ring) {
  PlacementResult result;
  result.plan = plan_of(planner.model, ring);
  add_alternatives(planner, result);
  add_unused(planner, result, ring);
  return result;
}

}  // namespace exogpu::placement
