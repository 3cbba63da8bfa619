// This node's part in one model that the cluster serves: decides with cluster::next_action() what is done next, has
// Stages do it, and records the results.
//
// All on the node's thread. It has no clock and no timer: its owner passes the time, and calls it at wake().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "cluster/reconcile.h"
#include "worker/model_headers.h"
#include "worker/stages.h"

namespace exogpu::worker {

// What has changed since a worker last reported.
struct WorkerChanges {
  bool stages = false;    // epoch() or stages()
  bool activity = false;  // doing()
  bool progress = false;  // progress()
  bool ring = false;      // ring() or driver()
  bool due = false;       // something has ended, so that tick() is due now, or wake() is earlier
  bool any() const { return stages || activity || progress || ring || due; }
};

struct WorkerHost {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  FetchModel fetch;
  // The model's headers have been fetched. Once for each plan that is followed, with a part for this node or without;
  // the model may be that of the plan before (see `plan.content`).
  std::function<void(const wire::StagePlan& plan, SharedGguf file)> on_file;
  std::function<bool(wire::NodeId)> connected;  // a channel to it is open
  std::function<void(const WorkerChanges&)> on_change;
  // The ring of this plan can do no more. Maybe several times. As Agent::plan_broken() takes it.
  std::function<void(const wire::PlanEnded&)> on_broken;
  std::function<void(const std::string&)> on_note;
  // Whether no other model on this node holds memory that its plan does not have. Absent: none does.
  std::function<bool()> may_load{};
  MakeRecorder make_recorder{};
};

// The host's functions may call the worker.
class Worker {
 public:
  // Of the model with this content id. `name` is the node's, for messages. `epoch_last`: the highest of any plan of the
  // model that this node has accepted. `backend` must outlive it.
  Worker(wire::NodeId self, std::string name, std::string content, wire::PlanEpoch epoch_last, StageBackend& backend,
         WorkerHost host);
  ~Worker();

  // Whenever the state has changed, or whether the node has a leader (`obeys`).
  void follow(const wire::ReplicatedState& state, bool obeys, cluster::Time now);
  // To be called at wake() or soon after, and when a channel was opened.
  void tick(cluster::Time now);
  std::optional<cluster::Time> wake() const;
  // If the peer takes part in the resident plan, its ring ends: its requests end as interrupted.
  void link_lost(wire::NodeId peer, const Error& why, cluster::Time now);
  // Ends for good. Requests in flight end with `why`.
  void stop(const Error& why);

  // The node, or another model of it, waits for memory: stages of a plan that has ended do not wait for the next plan.
  void set_memory_needed(bool needed, cluster::Time now);
  // It does not load before may_load() says so.
  bool waits_for_memory() const { return waits_for_memory_; }
  // It holds memory that its model's plan does not have.
  bool holds_more() const;
  // The model is not to be served, and nothing of it is here.
  bool over() const { return !state_.model && !local_plan_.plan && !local_plan_.acting; }

  const cluster::LocalPlan& local_plan() const { return local_plan_; }
  // For Agent::set_stages().
  wire::PlanEpoch epoch() const { return local_plan_.epoch_last; }
  std::map<uint32_t, wire::StageStatus> stages() const { return cluster::status_of(local_plan_); }
  // For people: what it does now, or why nothing, and how far it is.
  const cluster::Action& doing() const { return doing_; }
  const std::map<uint32_t, BytesDone>& progress() const { return stages_.progress(); }  // of what is fetched or loaded
  uint64_t loads() const { return stages_.loads(); }  // stages loaded so far; none by what is retained between plans

  bool steps_in_flight(cluster::Time now);  // at this node's stages, of whatever request
  bool busy() const;                        // requests are in flight that began here
  // Of the resident plan; null before all stages of this node are ready.
  pipeline::Ring* ring() { return stages_.ring(); }
  // On the node of the first stage, from when all stages of all nodes are ready until the plan ends.
  pipeline::Driver* driver() { return stages_.driver(); }
  const std::optional<wire::StagePlan>& plan() const { return local_plan_.plan; }  // that is resident

 private:
  struct Connecting {
    wire::NodeId to;
    cluster::Time until;
  };
  // A link that broke, and the incarnation of the node at its other end.
  struct Lost {
    cluster::Time at;
    uint64_t incarnation = 0;
  };
  // How an action went: what Stages reported.
  struct Ended {
    Result<void> how{};
    SharedGguf file{};  // of a fetch
    Reached reached{};  // of an adoption
  };

  RetriedFetchHost fetch_host(std::string about);
  StagesHost stages_host();
  void report();
  void on_ended(uint64_t number, Ended ended);
  void set_doing(const cluster::Action& action);
  void advance(cluster::Time now);
  bool perform(cluster::Time now);
  void wait_for_plan(const std::string& why);
  void serve();
  const wire::StagePlan& planned() const;  // by the state; there is a plan
  void accept_plan();
  void begin(const cluster::Action& action, cluster::Time now);
  void abandon_if_obsolete(cluster::Time now);
  void record(cluster::Time now);
  void record_stage(Ended ended, cluster::Time now);
  void record_failure(cluster::LocalStage& stage, const Error& why, cluster::Time now);
  void connect(uint32_t stage, cluster::Time now);
  uint64_t incarnation_of(wire::NodeId node) const;
  bool broke_just_now(wire::NodeId node, cluster::Time now) const;
  void check_connection(cluster::Time now);
  void check_headers(cluster::Time now);
  void check_files(cluster::Time now);
  void report_file();
  void end_ring(const Error& why);
  void broken(wire::PlanEpoch epoch, const Error& why, std::optional<wire::NodeId> lost = {});
  void wake_by(cluster::Time at);

  std::string name_;
  WorkerHost host_;
  cluster::LocalPlan local_plan_;
  std::string content_;
  cluster::ModelView state_;  // as far as it matters here
  bool obeys_ = false;
  bool stopped_ = false;
  WorkerChanges changes_;  // not reported yet
  cluster::Action doing_;
  cluster::Action acting_;      // while local_plan_.acting
  std::optional<Ended> ended_;  // how that went, once it is over
  bool abandoned_ = false;      // the action was, which is no failure
  uint64_t action_number_ = 0;  // of the current action: the result of an earlier one is ignored
  std::optional<Connecting> connecting_;
  std::map<wire::NodeId, Lost> lost_;
  wire::PlanEpoch file_reported_;
  bool ring_over_ = false;  // it computes no more requests
  wire::PlanEpoch broken_reported_;
  uint64_t steps_counted_ = 0;  // of the ring
  cluster::Time steps_counted_at_{};
  bool advancing_ = false, again_ = false;
  bool waits_for_memory_ = false;
  std::optional<cluster::Time> wake_;
  ModelHeaders headers_;
  // In place of the files that the ring reads and that were changed: by stage, and what is fetched now.
  std::map<uint32_t, SharedGguf> replacements_;
  uint32_t replacing_ = 0;
  RetriedFetch replacement_;
  Stages stages_;
};

}  // namespace exogpu::worker
