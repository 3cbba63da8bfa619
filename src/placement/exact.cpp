#include <algorithm>
#include <bit>
#include <unordered_map>

#include "placement/bound.h"
#include "placement/search.h"
#include "placement/symmetry.h"

namespace exogpu::placement {
namespace {

// A partial ring, up to some layer.
struct Label {
  Cost cost;
  uint32_t parent = 0;
  uint32_t end = 0;   // layers done
  uint16_t used = 0;  // a bit for each device
  uint8_t first = 0, last = 0;
  bool beaten = false;
};

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

class ExactSearch {
 public:
  ExactSearch(const RingProblem& problem, const SearchLimits& limits, const Found& known)
      : problem_(problem), limits_(limits), bound_(problem), best_(known) {
    for (size_t d = 0; d < problem.devices(); ++d) {
      if (problem.usable(d)) devices_.push_back(d);
    }
    const std::vector<size_t> kinds = kinds_of(problem.model(), devices_);
    const size_t n = devices_.size();
    conflicts_.assign(n, 0);
    alike_before_.assign(n, 0);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        if (problem.model().share_memory(devices_[i], devices_[j])) conflicts_[i] |= bit(j);
        if (j < i && kinds[devices_[i]] == kinds[devices_[j]]) alike_before_[i] |= bit(j);
      }
      for (uint32_t l = 0; l < problem.layers(); ++l) {
        ends_.push_back(problem.end_max(devices_[i], l));
        finishes_.push_back(problem.fits(devices_[i], {l, problem.layers()}));
      }
    }
  }

  Found run() {
    const uint32_t layers = problem_.layers();
    at_.resize(layers);
    states_.resize(layers);
    for (size_t i = 0; i < devices_.size(); ++i) extend(Label(), kNone, i);
    for (uint32_t l = 1; l < layers && !gave_up(); ++l) {
      for (size_t k = 0; k < at_[l].size(); ++k) {
        const uint32_t index = at_[l][k];
        const Label label = labels_[index];
        if (label.beaten || !promising(label)) continue;
        for (size_t i = 0; i < devices_.size(); ++i) extend(label, index, i);
      }
      states_[l].clear();
    }
    best_.proven = !gave_up();
    return std::move(best_);
  }

 private:
  static uint16_t bit(size_t i) { return static_cast<uint16_t>(1U << i); }
  bool gave_up() const { return labels_.size() > limits_.labels_max; }

  // Continues `from` with device i in all possible ways.
  void extend(const Label& from, uint32_t parent, size_t i) {
    const bool begins = parent == kNone;
    if ((from.used & (bit(i) | conflicts_[i])) != 0 || (alike_before_[i] & ~from.used) != 0) return;
    if (static_cast<size_t>(std::popcount(from.used)) >= limits_.stages_max) return;
    Cost entered = begins ? Cost{} : problem_.with_hop(from.cost, devices_[from.last], devices_[i]);
    if (entered.through_s == kNever) return;
    Label next = {.cost = {},
                  .parent = parent,
                  .end = 0,
                  .used = static_cast<uint16_t>(from.used | bit(i)),
                  .first = begins ? static_cast<uint8_t>(i) : from.first,
                  .last = static_cast<uint8_t>(i)};
    const size_t row = i * problem_.layers() + from.end;
    if (finishes_[row] != 0) finish(next, problem_.with_stage(entered, devices_[i], {from.end, problem_.layers()}));
    for (uint32_t end = from.end + 1; end <= ends_[row]; ++end) {
      if (!problem_.can_cut(end)) continue;
      next.cost = problem_.with_stage(entered, devices_[i], {from.end, end});
      next.end = end;
      add_label(next);
    }
  }

  void finish(const Label& label, Cost cost) {
    if (static_cast<size_t>(std::popcount(label.used)) < limits_.stages_min) return;
    const double value_s = problem_.value_s(problem_.with_return(cost, devices_[label.last], devices_[label.first]));
    if (value_s >= best_.value_s) return;
    best_.value_s = value_s;
    Ring ring = {{devices_[label.last], {0, problem_.layers()}}};
    for (uint32_t at = label.parent; at != kNone; at = labels_[at].parent) {
      ring.back().layers.begin = labels_[at].end;
      ring.push_back({devices_[labels_[at].last], {0, labels_[at].end}});
    }
    std::ranges::reverse(ring);
    best_.ring = std::move(ring);
  }

  // Whether the label can still lead to a better ring than the best one known.
  bool promising(const Label& label) {
    const uint64_t key = uint64_t{label.used} << 32 | label.end;
    auto [at, fresh] = rests_.try_emplace(key);
    if (fresh) {
      uint32_t blocked = label.used;
      for (size_t i = 0; i < devices_.size(); ++i) {
        if ((label.used & bit(i)) != 0) blocked |= conflicts_[i];
      }
      at->second = bound_.rest(label.end, [&](size_t device) {
        const auto i = static_cast<size_t>(std::ranges::lower_bound(devices_, device) - devices_.begin());
        return (blocked & bit(i)) == 0;
      });
    }
    const RestBound::Rest& rest = at->second;
    if (!rest.possible) return false;
    const Cost least = {.through_s = label.cost.through_s + rest.through_s,
                        .busiest_s = std::max(label.cost.busiest_s, rest.busiest_s)};
    return problem_.value_s(least) * (1 - 1e-12) < best_.value_s;
  }

  void add_label(const Label& label) {
    if (!promising(label)) return;
    const uint32_t key = uint32_t{label.used} | uint32_t{label.first} << 16 | uint32_t{label.last} << 24;
    std::vector<uint32_t>& front = states_[label.end][key];
    const bool both = problem_.busiest_matters();
    auto beats = [&](const Cost& a, const Cost& b) {
      return a.through_s <= b.through_s && (!both || a.busiest_s <= b.busiest_s);
    };
    for (uint32_t other : front) {
      if (beats(labels_[other].cost, label.cost)) return;
    }
    std::erase_if(front, [&](uint32_t other) {
      if (!beats(label.cost, labels_[other].cost)) return false;
      labels_[other].beaten = true;
      return true;
    });
    if (gave_up()) return;
    const auto index = static_cast<uint32_t>(labels_.size());
    labels_.push_back(label);
    front.push_back(index);
    at_[label.end].push_back(index);
  }

  const RingProblem& problem_;
  const SearchLimits& limits_;
  RestBound bound_;
  Found best_;
  std::vector<size_t> devices_;
  std::vector<uint16_t> conflicts_;     // devices that use the same memory
  std::vector<uint16_t> alike_before_;  // identical devices that are used first
  std::vector<uint32_t> ends_;          // [devices, layers]
  std::vector<char> finishes_;          // [devices, layers]
  std::vector<Label> labels_;
  std::vector<std::vector<uint32_t>> at_;  // labels by layers done
  std::vector<std::unordered_map<uint32_t, std::vector<uint32_t>>> states_;
  std::unordered_map<uint64_t, RestBound::Rest> rests_;
};

}  // namespace

Found search_exactly(const RingProblem& problem, const SearchLimits& limits, const Found& known) {
  return ExactSearch(problem, limits, known).run();
}

}  // namespace exogpu::placement
