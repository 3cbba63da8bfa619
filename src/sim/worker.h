// The work of a node: does what reconcile says, in times and with failures like those of a real one.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "cluster/reconcile.h"
#include "sim/checks.h"

namespace exogpu::sim {

struct WorkerSurroundings {
  std::function<void(Duration, std::function<void(Time)>)> later;  // while this life lasts
  std::function<void(const std::string&)> trace;
  std::function<bool(wire::NodeId)> reaches;  // there is a channel
  Checks* checks = nullptr;
  Dice* dice = nullptr;
  double failures = 0;       // share of actions that fail
  bool never_frees = false;  // mistakes put in by hand, see World
  bool goes_back = false;
};

class Worker {
 public:
  Worker(Life life, wire::NodeId self, Bytes room, WorkerSurroundings surroundings);

  // Looks at what there is to do. `report` hears how the stages stand.
  void look(const wire::ReplicatedState& state, bool obeys, Time now);
  std::function<void(wire::PlanEpoch, std::map<uint32_t, wire::StageStatus>)> report;
  std::function<void(wire::PlanEpoch, const std::string&)> refuse;
  std::function<void()> look_again;

  // Whether requests are under way in its stages.
  void set_busy(bool busy) { holding_.busy = busy; }
  // A node that its stages need is out of reach.
  std::function<void(wire::PlanEpoch, wire::NodeId)> lost;

  bool serves() const { return serves_; }
  const cluster::Holding& holding() const { return holding_; }

 private:
  void begin(const cluster::Action& action, const wire::ReplicatedState& state, Time now);
  void done(const cluster::Action& action, Bytes bytes, Time now);
  void tell();

  Life life_;
  Bytes room_;
  WorkerSurroundings surroundings_;
  cluster::Holding holding_;
  std::map<uint32_t, Bytes> loaded_;  // of stages
  Bytes leaked_ = 0;
  bool serves_ = false;
  std::optional<wire::StagePlan> before_;
  std::string said_;
};

}  // namespace exogpu::sim
