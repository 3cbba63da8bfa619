#include "telemetry/alerts/alert_rules.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace exogpu::telemetry {
namespace {

constexpr std::chrono::minutes kFlapsWithin{10};

}  // namespace

void AlertRules::begin(const Key& key, State& state, Finding finding, Time now, uint64_t unix_ms) const {
  if (!state.beyond_since) state.beyond_since = now;
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(now - *state.beyond_since);
  if (lasted < finding.after) return;
  state.active = true;
  state.until = finding.until;
  state.alert = std::move(finding.alert);
  state.alert.since_unix_ms = unix_ms - static_cast<uint64_t>(lasted.count());
  const auto adopted = std::ranges::find_if(
      adopted_, [&](const wire::Alert& alert) { return Key{alert.name, alert.node, alert.subject} == key; });
  if (adopted != adopted_.end()) state.alert.since_unix_ms = adopted->since_unix_ms;
}

void AlertRules::judge(MaybeFinding finding, Time now, uint64_t unix_ms) {
  if (!finding) return;
  const Key key{finding->alert.name, finding->alert.node, finding->alert.subject};
  const auto known = states_.find(key);
  if (known == states_.end() && !finding->begins) return;
  State& state = known == states_.end() ? states_[key] : known->second;
  state.found = state.active || finding->begins;
  state.better_since.reset();
  if (!state.active) {
    if (finding->begins) begin(key, state, *std::move(finding), now, unix_ms);
  } else if (finding->alert.severity > state.alert.severity) {
    // Else the text stays that of the beginning: numbers change all the time.
    finding->alert.since_unix_ms = state.alert.since_unix_ms;
    state.alert = std::move(finding->alert);
  }
}

void AlertRules::judge_telemetry(const NodeTelemetry& node, Time now, uint64_t unix_ms) {
  judge(clock_skew(node), now, unix_ms);
  for (const SubjectTelemetry& each : node.subjects) {
    if (each.subject.kind == wire::SubjectKind::machine) {
      judge(battery_low(node.name, each.values), now, unix_ms);
      judge(cache_disk_full(node.name, each.values), now, unix_ms);
      continue;
    }
    judge(device_hot(node.name, each), now, unix_ms);
    judge(device_throttling(node.name, each), now, unix_ms);
    judge(device_memory_low(node.name, each), now, unix_ms);
  }
}

size_t AlertRules::losses(const NodeFacts& node, Time now) {
  const auto [known, first] = online_.try_emplace(node.name, node.online);
  std::vector<Time>& lost = lost_at_[node.name];
  if (known->second && !node.online) lost.push_back(now);
  known->second = node.online;
  std::erase_if(lost, [&](Time at) { return now - at > kFlapsWithin; });
  return lost.size();
}

void AlertRules::judge_nodes(const AlertFacts& facts, Time now, uint64_t unix_ms) {
  std::set<std::string> versions;
  for (const NodeFacts& node : facts.nodes) {
    if (node.online && !node.version.empty()) versions.insert(node.version);
    judge(node_flapping(node, losses(node, now)), now, unix_ms);
    judge(node_memory_low(node), now, unix_ms);
  }
  judge(version_skew(versions), now, unix_ms);
}

double AlertRules::best_rate(const LinkFacts& link) {
  double& best = best_rate_[{link.from, link.to}];
  best = std::max(best, link.bytes_per_s.value_or(0));
  return best;
}

bool AlertRules::publish(Time now) {
  std::erase_if(states_, [&](auto& entry) {
    State& state = entry.second;
    if (std::exchange(state.found, false)) return false;
    if (!state.better_since) state.better_since = now;
    return !state.active || now - *state.better_since >= state.until;
  });
  std::vector<wire::Alert> active;
  for (const auto& [key, state] : states_) {
    if (state.active) active.push_back(state.alert);
  }
  std::ranges::stable_sort(active, std::greater(), &wire::Alert::severity);
  if (active == alerts_) return false;
  alerts_ = std::move(active);
  return true;
}

bool AlertRules::update(const AlertFacts& facts, Time now, uint64_t unix_ms) {
  for (const NodeTelemetry& node : facts.telemetry) judge_telemetry(node, now, unix_ms);
  judge_nodes(facts, now, unix_ms);
  for (const LinkFacts& link : facts.links) {
    judge(link_lossy(link), now, unix_ms);
    judge(link_slow(link, best_rate(link)), now, unix_ms);
  }
  for (const ModelFacts& model : facts.models) {
    judge(slower_than_predicted(model), now, unix_ms);
    judge(no_spare_copy(model), now, unix_ms);
  }
  for (const DifferingDevice& device : facts.differing) judge(results_differ(device), now, unix_ms);
  return publish(now);
}

}  // namespace exogpu::telemetry
