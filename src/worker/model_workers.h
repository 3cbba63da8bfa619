// The workers of a node: one for each model that the cluster serves, and for each that still has stages here.
//
// They share the node's devices: a model is loaded only once the others have left memory that their plans do not have.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "worker/worker.h"

namespace exogpu::worker {

// All on the node's thread. The time is passed in. The host's functions may call follow(), but not tick().
class ModelWorkers {
 public:
  // As of Worker; `host` is that of each of them, without may_load().
  ModelWorkers(wire::NodeId self, std::string name, StageBackend& backend, WorkerHost host);

  // As of Worker, for all of them.
  void follow(const wire::ReplicatedState& state, bool obeys, cluster::Time now);
  void tick(cluster::Time now);
  std::optional<cluster::Time> wake() const;
  void link_lost(wire::NodeId peer, const Error& why, cluster::Time now);
  void stop(const Error& why);
  // What this node is called in messages about models that come from now on.
  void set_name(std::string name) { name_ = std::move(name); }
  // The node is short of memory: stages of a plan that has ended do not wait for the next plan.
  void set_memory_short(bool is_short, cluster::Time now);

  // By content id. A worker lives until a tick() after its model is no longer served and nothing of it is here.
  const std::map<std::string, std::unique_ptr<Worker>>& all() const { return workers_; }
  Worker* find(const std::string& content) const;
  // The one that has this plan, or null.
  Worker* find(wire::PlanEpoch epoch) const;
  // Of the plan with this epoch, where this node has it and it is ready; else null.
  pipeline::Ring* ring(wire::PlanEpoch epoch) const;
  pipeline::Driver* driver(wire::PlanEpoch epoch) const;

  std::vector<const cluster::LocalPlan*> local_plans() const;
  // The models that requests are computed for here, by content id.
  std::set<std::string> busy() const;

 private:
  std::vector<Worker*> pointers() const;
  Worker& make(const std::string& content);
  bool may_load(const std::string& content) const;
  void share_memory(cluster::Time now);
  void remove_finished();

  wire::NodeId self_;
  std::string name_;
  StageBackend& backend_;
  WorkerHost host_;
  bool obeys_ = false;
  bool memory_short_ = false;
  std::map<std::string, wire::PlanEpoch> epochs_;  // the highest of each model that was served
  std::map<std::string, std::unique_ptr<Worker>> workers_;
};

}  // namespace exogpu::worker
