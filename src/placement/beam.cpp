#include <algorithm>

#include "placement/bound.h"
#include "placement/search.h"
#include "placement/symmetry.h"

namespace exogpu::placement {
namespace {

// How much is tried. With many devices less: its work grows with them, and an answer must come in a tenth of a second.
struct Effort {
  size_t width = 48;         // partial rings continued at each layer
  size_t same_end = 6;       // of these, that end on one device
  size_t next_by_speed = 8;  // devices with which each is continued
  size_t next_by_room = 3;
};
constexpr Effort kFew, kMany = {.width = 16, .same_end = 4, .next_by_speed = 5, .next_by_room = 2};
constexpr size_t kManyDevices = 48;

constexpr uint32_t kStart = std::numeric_limits<uint32_t>::max();

// A partial ring: one stage more than its parent.
struct Partial {
  uint32_t parent = kStart;
  size_t first = 0, last = 0;  // devices
  wire::LayerRange layers;     // of the last stage
  size_t stages = 0;
  Cost cost;
  double least_s = 0;  // a lower bound of the whole ring
};

class BeamSearch {
 public:
  BeamSearch(const RingProblem& problem, const SearchLimits& limits)
      : problem_(problem), limits_(limits), bound_(problem), at_(problem.layers()) {
    const size_t usable = bound_.by_speed().size();
    if (usable > kManyDevices) effort_ = kMany;
    kinds_ = kinds_of(problem.model(), usable_of(problem));
  }

  Found run() {
    at_[0].push_back({});
    for (uint32_t l = 0; l < problem_.layers(); ++l) {
      narrow(at_[l]);
      for (const Partial& partial : at_[l]) extend(partial, l);
      at_[l].clear();
    }
    return std::move(best_);
  }

 private:
  static std::vector<size_t> usable_of(const RingProblem& problem) {
    std::vector<size_t> usable;
    for (size_t d = 0; d < problem.devices(); ++d) {
      if (problem.usable(d)) usable.push_back(d);
    }
    return usable;
  }

  // Keeps the most promising ones, but only some that end on the same device, for variety.
  void narrow(std::vector<Partial>& partials) {
    std::ranges::stable_sort(partials, {}, &Partial::least_s);
    ends_.assign(problem_.devices(), 0);
    size_t kept = 0;
    for (const Partial& partial : partials) {
      if (kept == effort_.width) break;
      if (ends_[partial.last] == effort_.same_end) continue;
      ++ends_[partial.last];
      partials[kept++] = partial;
    }
    partials.resize(kept);
  }

  // The devices of the partial ring, and those that share a memory with one of them.
  void block(const Partial& partial) {
    blocked_.assign(problem_.devices(), false);
    for (const Partial* at = &partial; at->stages > 0; at = &nodes_[at->parent]) {
      blocked_[at->last] = true;
      if (at->parent == kStart) break;
    }
    for (const size_t d : bound_.by_speed()) {
      if (blocked_[d]) continue;
      for (const Partial* at = &partial; at->stages > 0; at = &nodes_[at->parent]) {
        if (problem_.model().share_memory(at->last, d)) blocked_[d] = true;
        if (at->parent == kStart) break;
      }
    }
  }

  // Devices for the layers from `l` on: the fastest per layer of their longest run, and those with the longest runs. Of
  // interchangeable devices only one.
  void choose_next(const Partial& partial, uint32_t l) {
    block(partial);
    nexts_.clear();
    taken_kinds_.assign(problem_.devices(), false);
    for (size_t d : bound_.by_speed()) {
      if (blocked_[d] || taken_kinds_[kinds_[d]]) continue;
      taken_kinds_[kinds_[d]] = true;
      const uint32_t end = reach(d, l);
      if (end == l) continue;
      Cost cost;
      if (partial.stages > 0) cost = problem_.with_hop(cost, partial.last, d);
      cost = problem_.with_stage(cost, d, {l, end});
      if (cost.through_s == kNever) continue;
      nexts_.push_back({d, cost.through_s / (end - l), end - l});
    }
    chosen_.clear();
    auto take = [&](size_t most) {
      for (size_t i = 0; i < nexts_.size() && i < most; ++i) {
        if (!std::ranges::contains(chosen_, nexts_[i].device)) chosen_.push_back(nexts_[i].device);
      }
    };
    std::ranges::stable_sort(nexts_, {}, &Next::s_per_layer);
    take(effort_.next_by_speed);
    std::ranges::stable_sort(nexts_, std::greater(), &Next::run);
    take(effort_.next_by_room);
  }

  // The furthest end of a run of the device from layer l: the end of the model, if there is memory for the head, or
  // less.
  uint32_t reach(size_t device, uint32_t l) {
    if (reach_.empty()) reach_.assign(problem_.devices() * problem_.layers(), kUnknown);
    uint32_t& end = reach_[device * problem_.layers() + l];
    if (end == kUnknown) {
      const bool finishes = problem_.fits(device, {l, problem_.layers()});
      end = finishes ? problem_.layers() : problem_.end_max(device, l);
    }
    return end;
  }

  void extend(const Partial& partial, uint32_t l) {
    if (partial.stages >= limits_.stages_max) return;
    choose_next(partial, l);
    uint32_t parent = kStart;
    if (partial.stages > 0) {
      parent = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back(partial);
    }
    for (size_t d : chosen_) {
      Partial next = {.parent = parent,
                      .first = partial.stages == 0 ? d : partial.first,
                      .last = d,
                      .layers = {l, l},
                      .stages = partial.stages + 1,
                      .cost = {}};
      const Cost entered = partial.stages == 0 ? Cost{} : problem_.with_hop(partial.cost, partial.last, d);
      const uint32_t end_max = problem_.end_max(d, l);
      if (reach(d, l) == problem_.layers()) finish(next, entered);
      for (uint32_t end = l + 1; end <= end_max; ++end) {
        next.layers.end = end;
        if (problem_.can_cut(end)) add_partial(next, entered);
      }
    }
  }

  void finish(Partial last, Cost entered) {
    if (last.stages < limits_.stages_min) return;
    last.layers.end = problem_.layers();
    const Cost cost = problem_.with_stage(entered, last.last, last.layers);
    const double value_s = problem_.value_s(problem_.with_return(cost, last.last, last.first));
    if (value_s >= best_.value_s) return;
    best_.value_s = value_s;
    Ring ring = {{last.last, last.layers}};
    for (uint32_t at = last.parent; at != kStart; at = nodes_[at].parent)
      ring.push_back({nodes_[at].last, nodes_[at].layers});
    std::ranges::reverse(ring);
    best_.ring = std::move(ring);
  }

  void add_partial(Partial& next, Cost entered) {
    next.cost = problem_.with_stage(entered, next.last, next.layers);
    if (problem_.value_s(next.cost) >= best_.value_s) return;
    const RestBound::Rest rest =
        bound_.rest(next.layers.end, [&](size_t device) { return device != next.last && !blocked_[device]; });
    if (!rest.possible) return;
    next.least_s = problem_.value_s({.through_s = next.cost.through_s + rest.through_s,
                                     .busiest_s = std::max(next.cost.busiest_s, rest.busiest_s)});
    if (next.least_s >= best_.value_s) return;
    std::vector<Partial>& others = at_[next.layers.end];
    if (others.size() >= 4 * effort_.width) narrow(others);
    others.push_back(next);
  }

  struct Next {
    size_t device;
    double s_per_layer;
    uint32_t run;
  };
  static constexpr uint32_t kUnknown = std::numeric_limits<uint32_t>::max();

  const RingProblem& problem_;
  const SearchLimits& limits_;
  RestBound bound_;
  std::vector<std::vector<Partial>> at_;  // by layers done
  std::vector<Partial> nodes_;            // those that were continued
  std::vector<bool> blocked_;             // devices that the partial ring which is being continued rules out
  std::vector<Next> nexts_;
  std::vector<size_t> chosen_;
  std::vector<bool> taken_kinds_;
  std::vector<size_t> kinds_;
  std::vector<size_t> ends_;  // of partial rings, by their last device
  Effort effort_;
  std::vector<uint32_t> reach_;  // [devices, layers]
  Found best_;
};

}  // namespace

Found search_beam(const RingProblem& problem, const SearchLimits& limits) { return BeamSearch(problem, limits).run(); }

Found search_single(const RingProblem& problem) {
  Found found;
  for (size_t d = 0; d < problem.devices(); ++d) {
    if (!problem.usable(d)) continue;
    const Ring ring = {{d, {0, problem.layers()}}};
    const double value_s = problem.value_s(ring);
    if (value_s >= found.value_s) continue;
    found.value_s = value_s;
    found.ring = ring;
  }
  found.proven = true;
  return found;
}

}  // namespace exogpu::placement
