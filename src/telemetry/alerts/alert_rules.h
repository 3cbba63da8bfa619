// The alerts of a cluster over time: they begin and end by their rules, and do not flicker in between.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "telemetry/alerts/facts.h"
#include "telemetry/alerts/rules.h"

namespace exogpu::telemetry {

// Pure.
class AlertRules {
 public:
  // To be called about every second. True: the alerts are not those of the call before.
  bool update(const AlertFacts& facts, Time now, uint64_t unix_ms);
  // Those that hold now, the most severe first, else by name, node and subject.
  const std::vector<wire::Alert>& alerts() const { return alerts_; }
  // Alerts that another node found before this one: those that begin here as well have lasted since then.
  void adopt(std::vector<wire::Alert> alerts) { adopted_ = std::move(alerts); }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // rule, node, subject
  struct State {
    wire::Alert alert{};
    Duration until{};
    std::optional<Time> beyond_since{}, better_since{};
    bool active = false;
    bool found = false;  // in the present call
  };

  void judge(MaybeFinding finding, Time now, uint64_t unix_ms);
  void begin(const Key& key, State& state, Finding finding, Time now, uint64_t unix_ms) const;
  void judge_telemetry(const NodeTelemetry& node, Time now, uint64_t unix_ms);
  void judge_nodes(const AlertFacts& facts, Time now, uint64_t unix_ms);
  size_t losses(const NodeFacts& node, Time now);
  double best_rate(const LinkFacts& link);
  bool publish(Time now);

  std::map<Key, State> states_;
  std::vector<wire::Alert> alerts_, adopted_;
  std::map<std::string, bool> online_;                               // at the last call
  std::map<std::string, std::vector<Time>> lost_at_;                 // when a node went offline
  std::map<std::pair<std::string, std::string>, double> best_rate_;  // of each link so far, bytes/s
};

}  // namespace exogpu::telemetry
