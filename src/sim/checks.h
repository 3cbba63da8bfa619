// Invariants that hold under all faults. Each check remembers what it has observed and reports what is wrong.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "cluster/agent.h"
#include "sim/network.h"

namespace exogpu::sim {

// One run of a node's program.
struct NodeIncarnation {
  uint32_t number = 0;
  uint64_t incarnation = 0;
  friend auto operator<=>(const NodeIncarnation&, const NodeIncarnation&) = default;
};

class Checks {
 public:
  // `whole_states`: compares states byte by byte, which takes time with their size.
  explicit Checks(bool whole_states) : whole_states_(whole_states) {}

  // Whatever an agent did: in a term leads one incarnation of one node, all that obey it obey that one, and no
  // incarnation obeys a term older than one it has obeyed.
  void observe(const NodeIncarnation& node, const cluster::Agent& agent);
  // At the same position is the same state; an epoch belongs to one plan; the plans of all models together take no more
  // memory than there is.
  void observe_state(const NodeIncarnation& node, const wire::ReplicatedState& state);
  // The epochs of the plans that an incarnation accepts for a model only grow.
  void took_on(const NodeIncarnation& node, const std::string& content, wire::PlanEpoch epoch);
  // A device never uses more memory than it has.
  void memory_used(const NodeIncarnation& node, const std::string& device, Bytes used, Bytes room);

  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }
  const std::string& failure() const { return failure_; }

 private:
  void check_plans(const wire::ReplicatedState& state);

  bool whole_states_;
  std::string failure_;
  std::map<wire::Term, NodeIncarnation> leaders_;
  std::map<wire::Term, wire::NodeId> obeyed_;
  std::map<NodeIncarnation, wire::Term> last_term_;
  std::map<wire::Position, uint64_t> states_;
  std::map<wire::PlanEpoch, wire::StagePlan> plans_;
  std::map<std::pair<NodeIncarnation, std::string>, wire::PlanEpoch> last_epoch_;  // by content id
};

}  // namespace exogpu::sim
