// This node's part in what the cluster serves: does what cluster::next_action() says, one thing after the other, and
// keeps what came of it.
//
// All on the node's thread. It has no clock and no timer: it is told the time, and says when it wants to be called.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cluster/reconcile.h"
#include "node/stages.h"

namespace exogpu::node {

struct WorkerSurroundings {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  FetchModel fetch;
  // The model's headers are here. Once for each plan that is followed, with a part for this node or without; the
  // model may be that of the plan before (`plan.content` tells).
  std::function<void(const wire::StagePlan& plan, SharedGguf file)> on_file;
  // Allowed where the devices of the plan are worth it. Must outlive the worker.
  BusyWait* busy_wait = nullptr;
  std::function<bool(wire::NodeId)> connected;  // a channel to it is open
  // stages(), doing(), progress(), ring() or driver() are others than before, or wake() is earlier: what was begun has
  // ended, and tick() is due now.
  std::function<void()> on_change;
  // The ring of this plan can do no more; `lost`: the other end of the link that failed. Maybe several times.
  std::function<void(wire::PlanEpoch, const Error& why, std::optional<wire::NodeId> lost)> on_broken;
  std::function<void(const std::string&)> on_note;
};

// What calls out may call back in.
class Worker {
 public:
  // `name` is the node's, for messages. `threads` of a stage on the CPU; 0: as many as this process may well use.
  Worker(wire::NodeId self, std::string name, const gpu::Machine& machine, uint32_t threads,
         WorkerSurroundings surroundings);
  ~Worker();  // waits for what cannot be interrupted

  // Whenever the state has changed, or whether the node has a master (`obeys`).
  void follow(const wire::ReplicatedState& state, bool obeys, cluster::Time now);
  // To be called at wake() or soon after, and when a channel was opened.
  void tick(cluster::Time now);
  std::optional<cluster::Time> wake() const;
  // If the peer takes part in the held plan, its ring ends: what is under way is told that it was interrupted.
  void link_lost(wire::NodeId peer, const Error& why, cluster::Time now);
  // Ends for good. `why` is told to what is under way.
  void stop(const Error& why);

  const cluster::Holding& holding() const { return holding_; }
  // For Agent::set_stages().
  wire::PlanEpoch epoch() const { return holding_.epoch_last; }
  std::map<uint32_t, wire::StageStatus> stages() const { return cluster::status_of(holding_); }
  // For people: what it does now, or why nothing, and how far it is.
  const cluster::Action& doing() const { return doing_; }
  const std::map<uint32_t, BytesDone>& progress() const { return stages_.progress(); }  // of what is fetched or loaded
  uint64_t loads() const { return stages_.loads(); }  // stages loaded so far; none by what is kept from plan to plan

  bool steps_under_way(cluster::Time now);  // at this node's stages, of whatever request
  bool busy() const;                        // requests are under way that began here
  // Of the plan that is held; null before all stages of this node are ready.
  pipeline::Ring* ring() { return stages_.ring(); }
  // On the node of the first stage, from when all stages of all nodes are ready until the plan ends.
  pipeline::Driver* driver() { return stages_.driver(); }
  const std::optional<wire::StagePlan>& plan() const { return holding_.plan; }  // that is held

 private:
  struct Connecting {
    wire::NodeId to;
    cluster::Time until;
  };
  struct Headers {
    std::string content{};  // whose
    uint64_t call = 0;      // number of the last
    bool fetching = false;
    std::optional<Result<SharedGguf>> result{};  // how that went, once it is over
    uint32_t failures = 0;
    cluster::Time failed_at{};
    bool hopeless = false;
  };

  void changed();
  void look(cluster::Time now);
  bool perform(cluster::Time now);
  void begin(const cluster::Action& action, cluster::Time now);
  void leave_off(cluster::Time now);
  void record(cluster::Time now);
  void connect(uint32_t stage, cluster::Time now);
  uint64_t incarnation_of(wire::NodeId node) const;
  bool broke_just_now(wire::NodeId node, cluster::Time now) const;
  void see_connection(cluster::Time now);
  void see_headers(cluster::Time now);
  void see_file();
  void end_ring(const Error& why);
  void broken(wire::PlanEpoch epoch, const Error& why, std::optional<wire::NodeId> lost = {});
  void wake_by(cluster::Time at);

  std::string name_;
  WorkerSurroundings surroundings_;
  cluster::Holding holding_;
  wire::ReplicatedState state_;  // as far as it matters here
  bool obeys_ = false;
  bool stopped_ = false;
  cluster::Action doing_;
  cluster::Action acting_;             // while holding_.acting
  std::optional<Result<void>> ended_;  // how that went, once it is over
  bool left_off_ = false;              // it was stopped, which is no failure
  uint64_t turn_ = 0;                  // of what is begun: what comes of an earlier one does not count
  std::optional<Connecting> connecting_;
  // Links that broke, when, and with which life of the node at the other end.
  struct Lost {
    cluster::Time at;
    uint64_t incarnation = 0;
  };
  std::map<wire::NodeId, Lost> lost_;
  Headers headers_;
  SharedGguf file_;           // the model's headers are in it
  std::string file_content_;  // whose
  wire::PlanEpoch file_told_;
  bool ring_over_ = false;  // it can do no more, or is not wanted to
  wire::PlanEpoch broken_told_;
  uint64_t steps_seen_ = 0;  // of the ring
  cluster::Time steps_seen_at_{};
  bool looking_ = false, look_again_ = false;
  std::optional<cluster::Time> wake_;
  std::shared_ptr<Worker*> alive_;
  Stages stages_;
};

}  // namespace exogpu::node
