#include "engine/residency/policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace exogpu::engine {
namespace {

// Keeps the units of the highest value; the value of one changes only when it is used.
class ByValue : public ResidencyPolicy {
 public:
  bool use(uint32_t unit) override {
    const auto kept = kept_.find(unit);
    const bool hit = kept != kept_.end();
    if (!hit && kept_.size() == capacity_) kept_.erase(std::ranges::min_element(kept_, {}, &Kept::value_type::second));
    kept_[unit] = value(unit, now_++);
    return hit;
  }

 protected:
  explicit ByValue(uint32_t capacity) : capacity_(capacity) {}
  virtual double value(uint32_t unit, uint64_t now) = 0;

 private:
  using Kept = std::unordered_map<uint32_t, double>;
  uint32_t capacity_;
  uint64_t now_ = 0;
  Kept kept_;
};

class LeastRecent final : public ByValue {
 public:
  explicit LeastRecent(uint32_t capacity) : ByValue(capacity) {}

 private:
  double value(uint32_t /*unit*/, uint64_t now) override { return static_cast<double>(now); }
};

// A count that halves after `half_life` uses falls for all units alike, so their order is that of its logarithm plus
// the time at which it was reached.
class Frequent final : public ByValue {
 public:
  Frequent(uint32_t capacity, uint32_t units, double half_life)
      : ByValue(capacity), half_life_(half_life), values_(units, -std::numeric_limits<double>::infinity()) {}

 private:
  double value(uint32_t unit, uint64_t now) override {
    const double time = static_cast<double>(now) / half_life_;
    double& v = values_[unit];
    v = time + std::log2(1.0 + std::exp2(v - time));
    return v;
  }

  double half_life_;
  std::vector<double> values_;
};

class Farthest final : public ByValue {
 public:
  Farthest(uint32_t capacity, std::span<const uint32_t> trace)
      : ByValue(capacity), next_(trace.size(), std::numeric_limits<double>::infinity()) {
    std::unordered_map<uint32_t, size_t> later;
    for (size_t i = trace.size(); i-- > 0;) {
      if (const auto at = later.find(trace[i]); at != later.end()) next_[i] = static_cast<double>(at->second);
      later[trace[i]] = i;
    }
  }

 private:
  double value(uint32_t /*unit*/, uint64_t now) override { return -next_[now]; }

  std::vector<double> next_;  // of each use, the time of the next one of its unit
};

class PinnedCircle final : public ResidencyPolicy {
 public:
  PinnedCircle(uint32_t capacity, uint32_t units, uint32_t slots)
      : pinned_(units <= capacity ? units : capacity - slots), held_(units), in_slot_(slots) {}

  bool use(uint32_t unit) override {
    const bool hit = held_[unit];
    held_[unit] = true;
    if (unit < pinned_ || hit) return hit;
    auto& before = in_slot_[(unit - pinned_) % in_slot_.size()];
    if (before) held_[*before] = false;
    before = unit;
    return false;
  }

 private:
  uint32_t pinned_;
  std::vector<bool> held_;                        // of each unit
  std::vector<std::optional<uint32_t>> in_slot_;  // of each slot
};

}  // namespace

std::unique_ptr<ResidencyPolicy> least_recent(uint32_t capacity) { return std::make_unique<LeastRecent>(capacity); }

std::unique_ptr<ResidencyPolicy> pinned_circle(uint32_t capacity, uint32_t units, uint32_t slots) {
  return std::make_unique<PinnedCircle>(capacity, units, slots);
}

std::unique_ptr<ResidencyPolicy> frequent(uint32_t capacity, uint32_t units, double half_life) {
  return std::make_unique<Frequent>(capacity, units, half_life);
}

std::unique_ptr<ResidencyPolicy> farthest(uint32_t capacity, std::span<const uint32_t> trace) {
  return std::make_unique<Farthest>(capacity, trace);
}

uint64_t hits(ResidencyPolicy& policy, std::span<const uint32_t> trace) {
  return static_cast<uint64_t>(std::ranges::count_if(trace, [&](uint32_t unit) { return policy.use(unit); }));
}

}  // namespace exogpu::engine
