// What an operator needs to know of how the cluster changes: the differences of one state from the one before, in words
// for the log.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

struct StateChange {
  log::Level level = log::Level::info;
  std::string text;
  friend bool operator==(const StateChange&, const StateChange&) = default;
};

// One thread.
class StateChanges {
 public:
  // `self`: the node that logs; whether it is online is not reported.
  explicit StateChanges(wire::NodeId self) : self_(self) {}

  // What differs from the state of the last call.
  std::vector<StateChange> observe(const wire::ReplicatedState& state);

 private:
  void observe_nodes(const wire::ReplicatedState& state);
  void observe_models(const wire::ReplicatedState& state);
  void observe_plan(const wire::ReplicatedState& state, const wire::ModelRecord& model);
  void observe_stages(const wire::ReplicatedState& state, const wire::PlanRecord& plan);
  void observe_links(const wire::ReplicatedState& state);
  template <typename... Args>
  void report(log::Level level, std::format_string<Args...> text, Args&&... args);

  wire::NodeId self_;
  std::map<wire::NodeId, bool> online_;
  std::set<wire::NodeId> draining_;
  struct Model {
    std::string name;
    std::optional<wire::PlanEpoch> plan{};
    std::string no_plan_reason{};
    std::vector<wire::StagePhase> phases{};  // of that plan
  };
  std::map<std::string, Model> models_;  // by content id
  std::set<wire::NodePair> links_avoided_;
  std::vector<StateChange> changes_;
};

}  // namespace exogpu::node
