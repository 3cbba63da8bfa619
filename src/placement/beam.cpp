#include <algorithm>
#include <set>

#include "placement/bound.h"
#include "placement/search.h"

namespace exogpu::placement {
namespace {

constexpr size_t kWidth = 48;       // partial rings continued at each layer
constexpr size_t kSameEnd = 6;      // of these, that end on one device
constexpr size_t kNextBySpeed = 8;  // devices with which each is continued
constexpr size_t kNextByRoom = 3;

struct Partial {
  Ring ring;
  Cost cost;
  double least_s = 0;  // a lower bound of the whole ring
};

class BeamSearch {
 public:
  BeamSearch(const RingProblem& problem, const SearchLimits& limits)
      : problem_(problem), limits_(limits), bound_(problem), at_(problem.layers()) {}

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
  // Keeps the most promising ones, but only some that end on the same device, for variety.
  static void narrow(std::vector<Partial>& partials) {
    std::ranges::stable_sort(partials, {}, &Partial::least_s);
    std::vector<Partial> selected;
    std::multiset<size_t> ends;
    for (Partial& partial : partials) {
      if (selected.size() == kWidth) break;
      const size_t last = partial.ring.empty() ? 0 : partial.ring.back().device;
      if (ends.count(last) == kSameEnd) continue;
      ends.insert(last);
      selected.push_back(std::move(partial));
    }
    partials = std::move(selected);
  }

  // Devices for the layers from `l` on: the fastest per layer of their longest run, and those with the longest runs.
  std::vector<size_t> next_devices(const Partial& partial, uint32_t l) {
    blocked_.assign(problem_.devices(), false);
    for (const Piece& piece : partial.ring) blocked_[piece.device] = true;
    struct Next {
      size_t device;
      double s_per_layer;
      uint32_t run;
    };
    std::vector<Next> nexts;
    for (size_t d : bound_.by_speed()) {
      if (blocked_[d] || shares_memory(partial.ring, d)) continue;
      const uint32_t end = reach(d, l);
      if (end == l) continue;
      Cost cost;
      if (!partial.ring.empty()) cost = problem_.with_hop(cost, partial.ring.back().device, d);
      cost = problem_.with_stage(cost, d, {l, end});
      if (cost.through_s == kNever) continue;
      nexts.push_back({d, cost.through_s / (end - l), end - l});
    }
    std::vector<size_t> chosen;
    auto take = [&](size_t most) {
      for (size_t i = 0; i < nexts.size() && i < most; ++i) {
        if (!std::ranges::contains(chosen, nexts[i].device)) chosen.push_back(nexts[i].device);
      }
    };
    std::ranges::stable_sort(nexts, {}, &Next::s_per_layer);
    take(kNextBySpeed);
    std::ranges::stable_sort(nexts, std::greater(), &Next::run);
    take(kNextByRoom);
    return chosen;
  }

  bool shares_memory(const Ring& ring, size_t device) const {
    return std::ranges::any_of(ring,
                               [&](const Piece& piece) { return problem_.model().share_memory(piece.device, device); });
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
    if (partial.ring.size() >= limits_.stages_max) return;
    for (size_t d : next_devices(partial, l)) {
      const Cost entered =
          partial.ring.empty() ? Cost{} : problem_.with_hop(partial.cost, partial.ring.back().device, d);
      const uint32_t end_max = problem_.end_max(d, l);
      if (reach(d, l) == problem_.layers()) finish(partial, entered, d, l);
      for (uint32_t end = l + 1; end <= end_max; ++end) {
        if (problem_.can_cut(end)) add_partial(partial, entered, d, {l, end});
      }
    }
  }

  void finish(const Partial& partial, Cost entered, size_t d, uint32_t l) {
    if (partial.ring.size() + 1 < limits_.stages_min) return;
    const Cost cost = problem_.with_stage(entered, d, {l, problem_.layers()});
    const size_t first = partial.ring.empty() ? d : partial.ring.front().device;
    const double value_s = problem_.value_s(problem_.with_return(cost, d, first));
    if (value_s >= best_.value_s) return;
    best_.value_s = value_s;
    best_.ring = partial.ring;
    best_.ring->push_back({d, {l, problem_.layers()}});
  }

  void add_partial(const Partial& partial, Cost entered, size_t d, wire::LayerRange layers) {
    const Cost cost = problem_.with_stage(entered, d, layers);
    if (problem_.value_s(cost) >= best_.value_s) return;
    const RestBound::Rest rest =
        bound_.rest(layers.end, [&](size_t device) { return device != d && !blocked_[device]; });
    if (!rest.possible) return;
    const double least_s = problem_.value_s(
        {.through_s = cost.through_s + rest.through_s, .busiest_s = std::max(cost.busiest_s, rest.busiest_s)});
    std::vector<Partial>& others = at_[layers.end];
    if (least_s >= best_.value_s) return;
    if (others.size() >= 4 * kWidth) narrow(others);
    Partial& next = others.emplace_back(Partial{partial.ring, cost, least_s});
    next.ring.push_back({d, layers});
  }

  static constexpr uint32_t kUnknown = std::numeric_limits<uint32_t>::max();

  const RingProblem& problem_;
  const SearchLimits& limits_;
  RestBound bound_;
  std::vector<std::vector<Partial>> at_;  // by layers done
  std::vector<bool> blocked_;             // devices of the partial ring that is being continued
  std::vector<uint32_t> reach_;           // [devices, layers]
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
