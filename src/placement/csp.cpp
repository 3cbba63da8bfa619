// The plan as a problem of constraints: its variables are the blocks of layers that nothing cuts, their values the
// devices. Each device has one run of blocks.
#include <algorithm>
#include <limits>

#include "placement/search.h"
#include "placement/symmetry.h"

namespace exogpu::placement {
namespace {

constexpr size_t kNobody = std::numeric_limits<size_t>::max();
constexpr size_t kTableMax = 4'000'000;  // devices times blocks

class ConstraintSearch {
 public:
  ConstraintSearch(const RingProblem& problem, size_t tries_max) : problem_(problem), tries_left_(tries_max) {
    for (uint32_t l = 0; l < problem.layers(); ++l) {
      if (problem.can_cut(l)) starts_.push_back(l);
    }
    starts_.push_back(problem.layers());
    for (size_t d = 0; d < problem.devices(); ++d) {
      if (problem.usable(d)) devices_.push_back(d);
    }
    complete_ = devices_.size() * blocks() <= kTableMax && all_linked();
  }

  Found run() {
    Found found;
    if (devices_.size() * blocks() > kTableMax) return found;
    prepare();
    if (assign()) {
      Ring ring = ring_of();
      found.value_s = problem_.value_s(ring);
      if (found.value_s < kNever) found.ring = std::move(ring);
      complete_ = complete_ && found.ring.has_value();
    }
    found.proven = !found.ring && complete_;
    return found;
  }

 private:
  struct Run {
    size_t begin = 0, end = 0;  // blocks
    size_t size() const { return end - begin; }
  };
  struct Value {
    size_t device = 0;  // its index in devices_
    Run run;
  };

  size_t blocks() const { return starts_.size() - 1; }
  bool fits(size_t i, Run run) const { return problem_.fits(devices_[i], {starts_[run.begin], starts_[run.end]}); }

  // Without a link somewhere a longer run may be worse than a shorter one.
  bool all_linked() const {
    for (const size_t a : devices_) {
      for (const size_t b : devices_) {
        if (problem_.hop_s(a, b) == kNever) return false;
      }
    }
    return true;
  }

  void prepare() {
    kinds_ = kinds_of(problem_.model(), devices_);
    owner_.assign(blocks(), kNobody);
    count_.assign(blocks(), 0);
    free_.assign(devices_.size(), true);
    unassigned_ = blocks();
    const CostModel& model = problem_.model();
    can_.resize(devices_.size() * blocks());
    for (size_t i = 0; i < devices_.size(); ++i) {
      room_.push_back(model.memory_free(devices_[i]) -
                      std::min(model.memory_free(devices_[i]), model.shape().compute_bytes));
      room_left_ += static_cast<double>(room_.back());
      for (size_t b = 0; b < blocks(); ++b) {
        can_[i * blocks() + b] = fits(i, {b, b + 1});
        count_[b] += can_[i * blocks() + b] ? 1 : 0;
      }
      longest_.push_back(longest_run(i));
      runs_left_ += longest_.back();
    }
    for (size_t b = 0; b < blocks(); ++b) bytes_left_ += bytes({b, b + 1});
  }

  // In blocks.
  size_t longest_run(size_t i) const {
    size_t longest = 0;
    for (size_t begin = 0; begin + longest < blocks(); ++begin) {
      while (begin + longest < blocks() && fits(i, {begin, begin + longest + 1})) ++longest;
    }
    return longest;
  }

  double bytes(Run run) const {
    const wire::StageMemory all = problem_.model().memory({starts_[run.begin], starts_[run.end]});
    return static_cast<double>(all.weights + all.cache);
  }

  // Assigns the blocks that have no device yet.
  bool assign() {
    if (unassigned_ == 0) return true;
    // Ends of the model may share a tensor, which the sum counts twice.
    if (bytes_left_ - static_cast<double>(problem_.model().shape().ends_shared_bytes) > room_left_) return false;
    if (runs_left_ < unassigned_) return false;
    if (tries_left_ == 0) return complete_ = false;
    --tries_left_;
    const size_t block = fewest_values();
    if (count_[block] == 0) return false;
    for (const Value& value : values_of(block)) {
      const std::vector<size_t> removed = take(value);
      if (assign()) return true;
      give_back(value, removed);
    }
    return false;
  }

  // The block for which the fewest devices are left; of equals the largest.
  size_t fewest_values() const {
    size_t fewest = kNobody;
    for (size_t b = 0; b < blocks(); ++b) {
      if (owner_[b] == kNobody && (fewest == kNobody || count_[b] < count_[fewest])) fewest = b;
    }
    return fewest;
  }

  // The longest runs around the block of each device, the longest first: where all are linked, a run that could be
  // longer leaves more to the others and allows no more than the longer one. Of interchangeable devices only one.
  std::vector<Value> values_of(size_t block) const {
    Run gap = {block, block + 1};
    while (gap.begin > 0 && owner_[gap.begin - 1] == kNobody) --gap.begin;
    while (gap.end < blocks() && owner_[gap.end] == kNobody) ++gap.end;
    std::vector<Value> values;
    std::vector<size_t> kinds;
    for (size_t i = 0; i < devices_.size(); ++i) {
      if (!free_[i] || !can_[i * blocks() + block] || std::ranges::contains(kinds, kinds_[devices_[i]])) continue;
      kinds.push_back(kinds_[devices_[i]]);
      add_runs(i, block, gap, values);
    }
    std::ranges::stable_sort(values, [](const Value& a, const Value& b) { return a.run.size() > b.run.size(); });
    return values;
  }

  void add_runs(size_t i, size_t block, Run gap, std::vector<Value>& values) const {
    if (fits(i, gap)) {
      if (joins(i, gap)) values.push_back({i, gap});
      return;
    }
    size_t end = block;
    for (size_t begin = gap.begin; begin <= block; ++begin) {
      const size_t before = end;
      end = std::max(end, block + 1);
      if (!fits(i, {begin, end})) {
        end = before;
        continue;
      }
      while (end < gap.end && fits(i, {begin, end + 1})) ++end;
      if (end > before && joins(i, {begin, end})) values.push_back({i, {begin, end}});
    }
  }

  // Whether there are links to those that have the blocks beside the run.
  bool joins(size_t i, Run run) const {
    if (run.begin > 0 && owner_[run.begin - 1] != kNobody &&
        problem_.hop_s(devices_[owner_[run.begin - 1]], devices_[i]) == kNever)
      return false;
    return run.end == blocks() || owner_[run.end] == kNobody ||
           problem_.hop_s(devices_[i], devices_[owner_[run.end]]) < kNever;
  }

  // Returns the devices that no other block can have any more.
  std::vector<size_t> take(const Value& value) {
    for (size_t b = value.run.begin; b < value.run.end; ++b) owner_[b] = value.device;
    unassigned_ -= value.run.size();
    bytes_left_ -= bytes(value.run);
    std::vector<size_t> removed;
    for (size_t i = 0; i < devices_.size(); ++i) {
      if (!free_[i]) continue;
      if (i != value.device && !problem_.model().share_memory(devices_[i], devices_[value.device])) continue;
      removed.push_back(i);
      set_free(i, false);
    }
    return removed;
  }

  void give_back(const Value& value, const std::vector<size_t>& removed) {
    for (const size_t i : removed) set_free(i, true);
    for (size_t b = value.run.begin; b < value.run.end; ++b) owner_[b] = kNobody;
    unassigned_ += value.run.size();
    bytes_left_ += bytes(value.run);
  }

  void set_free(size_t i, bool free) {
    free_[i] = free;
    room_left_ += free ? static_cast<double>(room_[i]) : -static_cast<double>(room_[i]);
    runs_left_ = free ? runs_left_ + longest_[i] : runs_left_ - longest_[i];
    for (size_t b = 0; b < blocks(); ++b) {
      if (can_[i * blocks() + b]) count_[b] += free ? 1 : -1;
    }
  }

  Ring ring_of() const {
    Ring ring;
    for (size_t b = 0; b < blocks(); ++b) {
      const size_t device = devices_[owner_[b]];
      if (ring.empty() || ring.back().device != device) ring.push_back({device, {starts_[b], starts_[b]}});
      ring.back().layers.end = starts_[b + 1];
    }
    return ring;
  }

  const RingProblem& problem_;
  size_t tries_left_;
  std::vector<uint32_t> starts_;  // of the blocks, and the end of the model
  std::vector<size_t> devices_, kinds_;
  std::vector<size_t> owner_;  // of each block
  std::vector<int> count_;     // of each block, the free devices that have room for it
  std::vector<bool> free_;     // of each device
  std::vector<bool> can_;      // [devices, blocks]
  std::vector<Bytes> room_;
  std::vector<size_t> longest_;  // run of each device, in blocks
  double room_left_ = 0, bytes_left_ = 0;
  size_t runs_left_ = 0, unassigned_ = 0;  // of the free devices together; blocks
  bool complete_ = true;
};

}  // namespace

Found search_constraints(const RingProblem& problem, size_t tries_max) {
  Found found = search_single(problem);
  if (found.ring) return found;
  return ConstraintSearch(problem, tries_max).run();
}

}  // namespace exogpu::placement
