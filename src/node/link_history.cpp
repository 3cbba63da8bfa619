#include "node/link_history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>

namespace exogpu::node {
namespace {

constexpr float kNoValue = std::numeric_limits<float>::quiet_NaN();

std::optional<float> value_of(float value) { return std::isnan(value) ? std::nullopt : std::optional(value); }

}  // namespace

void LinkHistory::Ring::append(uint64_t step, const Values& now) {
  if (values.empty()) begin = next = step;
  for (next = std::max(next, step - std::min<uint64_t>(step, kValuesMax)); next <= step; ++next) {
    const Values& value = next == step ? now : Values{kNoValue, kNoValue, kNoValue};
    const size_t at = (next - begin) % kValuesMax;
    if (at >= values.size()) values.resize(at + 1, Values{kNoValue, kNoValue, kNoValue});
    values[at] = value;
  }
}

const LinkHistory::Values* LinkHistory::Ring::find(uint64_t step) const {
  if (step < begin || step >= next || step + kValuesMax < next) return nullptr;
  return &values[(step - begin) % kValuesMax];
}

void LinkHistory::observe(const ClusterSnapshot& cluster, std::chrono::steady_clock::time_point now) {
  const MutexLock lock(mutex_);
  if (!began_at_) began_at_ = now;
  const auto step = static_cast<uint64_t>((now - *began_at_) / kStep);
  if (step < steps_) return;
  steps_ = step + 1;
  std::erase_if(rings_, [&](const auto& each) { return each.second.next + kValuesMax <= step; });
  for (const NodeSnapshot& node : cluster.nodes) {
    if (!node.online) continue;
    for (const LinkSnapshot& link : node.links) {
      const LinkEnds ends(node.id, link.to);
      if (rings_.size() == kLinksMax && !rings_.contains(ends)) continue;
      rings_[ends].append(step, {.delay_s = static_cast<float>(link.delay_s),
                                 .loss = static_cast<float>(link.loss),
                                 .bytes_per_s = link.bytes_per_s ? static_cast<float>(*link.bytes_per_s) : kNoValue});
    }
  }
}

std::vector<LinkPast> LinkHistory::past(const ClusterSnapshot& cluster, size_t count) const {
  std::map<wire::NodeId, std::string> names;
  for (const NodeSnapshot& node : cluster.nodes) names.emplace(node.id, node.name);
  std::vector<LinkPast> found;
  {
    const MutexLock lock(mutex_);
    const uint64_t values = std::min<uint64_t>({count, kValuesMax, steps_});
    for (const auto& [ends, ring] : rings_) {
      const auto from = names.find(ends.first), to = names.find(ends.second);
      if (from == names.end() || to == names.end()) continue;
      LinkPast past{.from = from->second, .to = to->second};
      for (uint64_t step = steps_ - values; step < steps_; ++step) {
        const Values* value = ring.find(step);
        past.delay_s.push_back(value_of(value ? value->delay_s : kNoValue));
        past.loss.push_back(value_of(value ? value->loss : kNoValue));
        past.bytes_per_s.push_back(value_of(value ? value->bytes_per_s : kNoValue));
      }
      found.push_back(std::move(past));
    }
  }
  std::ranges::sort(found, {}, [](const LinkPast& each) { return std::tie(each.from, each.to); });
  return found;
}

}  // namespace exogpu::node
